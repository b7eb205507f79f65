weft_test(wire
  SOURCES
    fuzz/wire_replay_test.cc
    property/wire_property_test.cc
    unit/wire_frame_test.cc
    unit/wire_headers_test.cc
    unit/wire_icrc_test.cc
    unit/wire_opcodes_test.cc
    unit/wire_pause_test.cc
    unit/wire_pcap_test.cc
    unit/wire_segments_test.cc
    unit/wire_tshark_test.cc
  LIBS weft::wire)
