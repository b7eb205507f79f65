if(TARGET weft_verbs)
  weft_test(verbs SOURCES unit/verbs_arrival_test.cc unit/verbs_control_test.cc unit/verbs_devices_test.cc unit/verbs_optics_test.cc unit/verbs_plan_test.cc
            fuzz/exchange_replay_test.cc LIBS weft::verbs PkgConfig::WEFT_GENL)
  weft_test(verbs_fake SOURCES unit/verbs_xrc_test.cc support/fake_verbs.cc LIBS weft::verbs TIMEOUT 120)
  add_library(weft_fake_cuda SHARED support/fake_cuda.cc)  # what dlopen finds instead of the driver
  set_target_properties(weft_fake_cuda PROPERTIES OUTPUT_NAME cuda SOVERSION 1 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fake_cuda)
  add_dependencies(weft_test_verbs_fake weft_fake_cuda)
  set_target_properties(weft_test_verbs_fake PROPERTIES BUILD_RPATH ${CMAKE_CURRENT_BINARY_DIR}/fake_cuda)
  target_link_options(weft_test_verbs_fake PRIVATE -Wl,--disable-new-dtags)  # of the program for every dlopen: ASan makes the calls
  weft_test(verbs_hosts SOURCES unit/verbs_blame_test.cc unit/verbs_clock_test.cc unit/verbs_launch_test.cc unit/verbs_rounds_test.cc
            LIBS weft::verbs)
  if(TARGET weft_verbs_hosts)
    # gRPC locks with absl's futexes, which ThreadSanitizer does not see: it takes all that comes through for races. What
    # runs over gRPC is left out there; verbs_round_test.cc and verbs_agent_test.cc run the threads of both ends without it.
    if(NOT WEFT_SANITIZE MATCHES thread)
      set(over_grpc unit/verbs_cluster_test.cc unit/verbs_tls_test.cc unit/verbs_untrusted_test.cc)
    endif()
    weft_test(verbs_cluster SOURCES unit/verbs_agent_test.cc unit/verbs_round_test.cc ${over_grpc}
              LIBS weft::verbs_hosts weft_verbs_channel TIMEOUT 120)
  endif()
  weft_test(verbs_collective SOURCES unit/verbs_collective_test.cc LIBS weft::verbs weft::collectives)
  weft_test(verbs_ranks SOURCES unit/verbs_ranks_test.cc LIBS weft::verbs weft::collectives TIMEOUT 120)
endif()
