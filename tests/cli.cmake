# tests of area cli: the built command, run as a user runs it.
weft_test(cli SOURCES cli/measurement_roundtrip_test.cc LIBS weft::fabric)
add_dependencies(weft_test_cli weft)

find_package(Python3 COMPONENTS Interpreter)

# weft_cli(FILE CLASS LABEL CASES...): ctest sees each as cli.CLASS.CASE; label `heavy` runs alone.
function(weft_cli file class label)
  foreach(case ${ARGN})
    set(name cli.${class}.${case})
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B -m unittest -v ${file}.${class}.test_${case}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/cli)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 SKIP_REGULAR_EXPRESSION "skipped ['\"]" LABELS "${label}"
                         ENVIRONMENT "WEFT_BINARY_DIR=${PROJECT_BINARY_DIR}")
  endforeach()
endfunction()

if(Python3_FOUND)
  weft_cli(bad_input BadInput cli path_of_the_fabric_file unknown_words_get_the_nearest_right_one option_values
           numbers_that_are_none verify_that_cannot_be sizes ranks_that_do_not_fit mapping impossible_radix large_and_binary_files
           targets_that_cannot_be_written target_without_permission full_stdout two_results_for_one_stdout
           pair_without_a_path fabric_in_two_parts failure_of_no_part)
  weft_cli(fabrics Fabrics cli topo_describes_each analytic_predicts_each_whole fluid_predicts_each)
  weft_cli(results Results cli table_has_the_columns_of_nccl_tests reasons_stand_below_the_table
           shares_of_the_ideal_sum_to_one hot_links_are_known_to_topo progress_goes_to_stderr_only
           json_matches_its_schema verify_prints_an_interval json_file_leaves_the_table_on_stdout settings_apply_in_order_wherever_they_stand
           same_seed_same_bytes_with_any_threads batched_runs_are_the_same_bytes_too another_seed_collides_elsewhere
           reader_that_goes_away_is_no_error help_and_version_go_to_stdout locale_changes_nothing)
  weft_cli(description Description cli counts_per_tier bisection_and_oversubscription parts_have_sums
           failures_in_force timed_failures links_by_name unknown_link_gets_the_nearest_name cabling_plan_has_a_line_a_cable
           drawings_can_be_read several_results_at_once check_of_the_design check_of_the_floor
           documentation_lists_every_option)
  weft_cli(interruption Interruption heavy signal_ends_a_long_run_within_two_seconds finished_sizes_are_printed what_is_verified_is_printed
           half_a_cabling_plan_is_removed want_of_memory_is_said_so threads_that_do_not_fit_are_said_so)
  weft_cli(packet Packet heavy table_and_notes same_bytes_with_any_threads packet_is_never_faster_than_the_ideal_fluid
           steps_are_cut_and_said_so interrupted_run_says_how_far_it_came no_worker_outlives_an_interrupt
           progress_has_simulated_time_and_what_is_left too_much_is_refused_with_a_way_out)
  if(TARGET weft_dpdk)
    weft_cli(dpdk Dpdk cli wrong_words machines_that_cannot huge_pages_that_are_not_there loop_counts_what_was_injected
             memif_between_two_processes_counts_exactly signal_keeps_the_result lost_packets_fail_the_verdict any_user_may
             captures_are_read_by_tshark telemetry_answers_meanwhile terminal_shows_a_row_a_second ports_and_opcodes_are_listed stream_file
             collective_of_a_fabric_file cabled_pair_in_one_process
             buffers_too_small_for_the_frame respond_over_memif_at_the_largest_mtu
             round_trips_between_two_processes_count_exactly nobody_reflects)
  endif()
  if(TARGET weft_verbs_hosts)
    weft_cli(verbs_hosts VerbsHosts cli bandwidth_is_in_the_unit_that_was_asked_for
             ranks_of_a_launcher_have_ports_of_their_own_and_are_noted mpirun_tells_each_process_its_rank
             agents_under_mpirun_serve_a_coordinator
             interrupted_run_keeps_what_it_has_and_agents_serve_on tls_by_files wrong_words documentation_names_every_option)
  endif()
  if(TARGET weft_packet)
    # A few of the scenarios of scripts/agreement; all of them in scripts/validate.
    add_test(NAME agreement.few_scenarios COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/scripts/agreement --quick
             --jobs 1 --weft $<TARGET_FILE:weft>)
    set_tests_properties(agreement.few_scenarios PROPERTIES TIMEOUT 600 LABELS heavy)
  endif()
else()
  message(STATUS "tests of the command line left out: no python3")
endif()
