# tests of area guest: real libibverbs and kernel devices in a guest under QEMU. One guest at a time: two cores are all there is.
find_package(Python3 COMPONENTS Interpreter)

# weft_guest(FILE CLASS CASES...): ctest sees each as guest.CLASS.CASE, label `heavy`.
function(weft_guest file class)
  foreach(case ${ARGN})
    set(name guest.${class}.${case})
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B -m unittest -v ${file}.${class}.test_${case}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/guest)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_REGULAR_EXPRESSION "skipped ['\"]" LABELS heavy
                         RESOURCE_LOCK guest ENVIRONMENT "WEFT_BINARY_DIR=${PROJECT_BINARY_DIR}")
  endforeach()
endfunction()

if(Python3_FOUND)
  weft_guest(harness Harness nodes_exchange_data_and_exit_codes_come_back guest_that_takes_too_long_is_ended
             soft_iwarp_has_its_devices nodes_can_live_in_namespaces wrong_options_are_named)
  if(TARGET weft_verbs)
    weft_guest(devices Devices soft_roce_in_words_and_json soft_iwarp_is_named link_down_and_no_permission_are_found)
    weft_guest(devices Without host_without_a_device_says_what_to_load)
    weft_guest(verbs_pairs VerbsPairs every_operation_transport_and_mode_on_soft_roce soft_iwarp_over_rdma_cm
               each_fault_has_its_message_exit_code_and_bound wire_is_rocev2_and_flow_labels_spread_source_ports)
    add_executable(weft_rank_matrix guest/rank_matrix.cc)
    target_link_libraries(weft_rank_matrix PRIVATE weft::verbs)
    weft_guest(collectives Collectives results_are_exact_and_faults_named_on_soft_roce soft_iwarp_over_rdma_cm)
    if(TARGET weft_verbs_hosts)
      weft_guest(verbs_hosts VerbsHosts every_pair_is_measured_and_each_fault_named soft_iwarp_over_rdma_cm)
    endif()
  endif()
  if(TARGET weft_dpdk)
    weft_guest(marking Marking thresholds_of_the_kernels_red_are_found)
  endif()
  if(TARGET weft_verbs AND TARGET weft_dpdk)
    find_package(PkgConfig)
    pkg_check_modules(WEFT_RC_PEER IMPORTED_TARGET libibverbs librdmacm)
    if(WEFT_RC_PEER_FOUND)
      add_executable(weft_rc_peer guest/rc_peer.cc)
      target_link_libraries(weft_rc_peer PRIVATE weft::rc weft::verbs PkgConfig::WEFT_RC_PEER)
      weft_guest(interop Interop send_write_read_both_ways_with_the_kernels_soft_roce loss_both_ways_is_recovered_from)
    endif()
  endif()
endif()
