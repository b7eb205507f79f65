# tests of area spec
