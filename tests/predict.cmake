# tests of area predict
