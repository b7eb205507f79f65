# tests of area maxmin
