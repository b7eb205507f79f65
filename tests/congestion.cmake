# tests of area congestion
weft_test(congestion SOURCES unit/congestion_dcqcn_test.cc unit/congestion_dcqcn_loop_test.cc unit/congestion_dctcp_test.cc
          unit/congestion_hpcc_test.cc unit/congestion_nscc_test.cc unit/congestion_swift_test.cc
          unit/congestion_timely_test.cc unit/congestion_window_test.cc property/congestion_property_test.cc
          LIBS weft::packet_congestion)
