# tests of area testbeds: predictions against published measurements
weft_test(testbeds SOURCES validation/testbeds_test.cc LIBS weft::predict weft::topologies yaml-cpp)
