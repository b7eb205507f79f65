# tests of area congestion
weft_test(congestion SOURCES unit/congestion_dcqcn_test.cc unit/congestion_window_test.cc
          LIBS weft::packet_congestion)
