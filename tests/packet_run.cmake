# tests of area packet_run: collectives through the packet backend, where ns-3 is installed
if(TARGET weft_packet)
  weft_test(packet_run
    SOURCES
      unit/packet_backend_test.cc
      unit/packet_plan_test.cc
      validation/packet_collectives_test.cc
    LIBS weft::predict weft::packet weft::analytic weft::fluid)
endif()
