# tests of area house: the rules that a machine can check, in Python's unittest.
find_package(Python3 COMPONENTS Interpreter)

# weft_house(FILE CLASS CASES...): ctest sees each as house.CLASS.CASE.
function(weft_house file class)
  foreach(case ${ARGN})
    set(name house.${class}.${case})
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B -m unittest -v ${file}.${class}.test_${case}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/house)
    set_tests_properties(${name} PROPERTIES TIMEOUT 900 SKIP_REGULAR_EXPRESSION "skipped ['\"]"
                         ENVIRONMENT "WEFT_BINARY_DIR=${PROJECT_BINARY_DIR}")
  endforeach()
endfunction()

if(Python3_FOUND)
  weft_house(arrows Arrows includes_follow_the_arrows checker_sees_each_kind_of_violation headers_start_once)
  weft_house(style Style files_tell_one_story functions_fit_a_screen function_lengths_are_seen no_leftovers
             no_tabs_and_no_blank_ends nothing_names_a_machine sources_are_formatted lint_settings_parse
             packages_are_explained)
  weft_house(docs Readme is_one_short_page scripts_it_names_explain_themselves commands_run
             worked_example_is_what_weft_prints)
  weft_house(docs Coverage named_tests_exist every_item_has_a_test links_between_documents_lead_somewhere)
  weft_house(docs Limits newest_bench_keeps_every_limit)
  weft_house(scripts Scripts setup_is_idempotent setup_refuses_unknown_groups unknown_engines_are_said_so
             validate_refuses_wrong_words summary_counts_and_gives_reasons summary_fails_without_tests
             bench_table_has_ratios)
  weft_house(registered Registered every_house_check_is_a_test)
else()
  message(STATUS "house checks left out: no python3")
endif()
