# tests of area packet_speed: the packet engine has not become slow or large, where ns-3 is installed. The limits
# themselves are measured by scripts/bench packet.
if(TARGET weft_packet)
  weft_test(packet_speed SOURCES validation/packet_speed_test.cc ../bench/packet_loads.cc LIBS weft::packet LABEL heavy)
endif()
