# tests of area topologies
