# tests of area packet, where ns-3 is installed
if(TARGET weft_packet_scheduler)
  weft_test(packet SOURCES unit/packet_boundary_test.cc unit/packet_scheduler_test.cc LIBS weft::packet weft::collectives ${WEFT_NS3_NETWORK})
endif()
