if(TARGET weft_dpdk)
  weft_test(dpdk SOURCES unit/dpdk_cable_test.cc unit/dpdk_eal_test.cc unit/dpdk_port_test.cc LIBS weft::dpdk)
endif()
