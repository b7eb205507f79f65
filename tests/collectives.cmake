# tests of area collectives
