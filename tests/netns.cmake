# tests of area netns: real frames through the kernel's own bridge, router and ECMP, in namespaces that each test makes.
find_package(Python3 COMPONENTS Interpreter)

# weft_netns(FILE CLASS CASES...): ctest sees each as netns.CLASS.CASE.
function(weft_netns file class)
  foreach(case ${ARGN})
    set(name netns.${class}.${case})
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B -m unittest -v ${file}.${class}.test_${case}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/netns)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 SKIP_REGULAR_EXPRESSION "skipped ['\"]" RESOURCE_LOCK netns
                         ENVIRONMENT "WEFT_BINARY_DIR=${PROJECT_BINARY_DIR}")
  endforeach()
endfunction()

if(Python3_FOUND AND TARGET weft_dpdk)
  weft_netns(paths Paths path_of_each_port hash_with_ports_is_even
             hash_without_ports_is_found_polarized dead_next_hop_is_missed
             one_path_of_unknown_many_is_no_pass
             hop_behind_the_destination_is_refused router_without_a_way_is_no_destination nobody_answers interrupt_keeps_what_was_found)
  weft_netns(paths6 Paths6 paths_and_their_spread wrong_versions_are_refused respond)
  weft_netns(counts Counts everything_arrives drops_are_counted marks_are_counted_and_the_icrc_still_holds)
  weft_netns(pauses Pauses neighbour_that_ignores_pfc_is_found neighbours_that_obey_and_that_do_not
             one_pause_lasts_for_its_quanta own_late_pauses_blame_nobody silence_is_no_verdict tshark_reads_the_frames)
  foreach(case neighbours_that_obey_and_that_do_not one_pause_lasts_for_its_quanta)  # measure time: nothing beside them
    set_tests_properties(netns.Pauses.${case} PROPERTIES LABELS heavy)
  endforeach()
  weft_netns(marks Marks no_bottleneck_no_thresholds wrong_words)
  weft_netns(counts Routed icrc_holds_after_a_router_changed_the_ttl round_trips_through_a_router)
  weft_netns(counts Jumbo four_kilobytes_of_payload respond_at_the_largest_mtu)
endif()
