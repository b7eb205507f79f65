if(TARGET weft_dpdk)
  weft_test(dpdk SOURCES unit/dpdk_eal_test.cc LIBS weft::dpdk)
endif()
