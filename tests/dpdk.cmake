if(TARGET weft_dpdk)
  weft_test(dpdk
    SOURCES
      fuzz/arrival_replay_test.cc
      unit/dpdk_cable_test.cc
      unit/dpdk_eal_test.cc
      unit/dpdk_pacer_test.cc
      unit/dpdk_port_test.cc
      unit/dpdk_psn_test.cc
      unit/dpdk_rdma_probe_test.cc
      unit/dpdk_reaction_test.cc
      unit/dpdk_stream_test.cc
      unit/dpdk_traffic_test.cc
      unit/dpdk_round_trip_test.cc
      unit/dpdk_transmit_test.cc
      unit/dpdk_turn_test.cc
      unit/dpdk_vdev_room_test.cc
    LIBS weft::dpdk PkgConfig::WEFT_DPDK)
  target_compile_options(weft_test_dpdk PRIVATE -msse4.2)
  weft_test(dpdk_long SOURCES validation/dpdk_long_runs_test.cc LIBS weft::dpdk LABEL heavy)
endif()
