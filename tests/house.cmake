# tests of area house
