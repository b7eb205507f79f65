# tests of area packet_physics: the packet engine against closed forms, where ns-3 is installed
if(TARGET weft_packet_network)
  weft_test(packet_physics SOURCES
            validation/packet_control_test.cc validation/packet_dcqcn_test.cc validation/packet_faults_test.cc
            validation/packet_host_test.cc validation/packet_line_rate_test.cc validation/packet_multipath_test.cc
            validation/packet_pfc_test.cc validation/packet_recovery_test.cc validation/packet_spray_test.cc
            validation/packet_switch_test.cc
            LIBS weft::packet_network)
endif()
