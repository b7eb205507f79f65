# tests of area packet_model: the ns-3 model around the packet engine, and the examples as scripts run them.
if(TARGET weft_packet_model)
  weft_test(packet_model SOURCES unit/packet_attributes_test.cc unit/packet_model_test.cc unit/packet_pcap_test.cc
            unit/fluid_flows_test.cc
            LIBS weft::bridge)

  # weft_example_test(NAME TARGET REGEX ARGUMENTS...): the program ends well and prints what REGEX asks for.
  function(weft_example_test name target regex)
    add_test(NAME packet_examples.${name} COMMAND ${target} ${ARGN})
    set_tests_properties(packet_examples.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${regex}" TIMEOUT 120)
  endfunction()
  weft_example_test(incast weft_example_incast "finished 8 of 8.*drops 0\n")
  weft_example_test(incast_window weft_example_incast "goodput 9[78].*pauses 0, drops 0\n"
                    --weft::packet::RoceFabric::TransportCongestionControl=none)
  weft_example_test(permutation_ecmp weft_example_permutation "ecmp: 128 of 128 received.* [3-6]\\.[0-9]+ x line rate\n")
  weft_example_test(permutation_spray weft_example_permutation "128 of 128 received.* 1\\.[0-9]+ x line rate\n"
                    --routing=spray)
  weft_example_test(pfc_storm weft_example_pfc_storm "bystander: [0-9]+ messages before the stall, [01] after\n.*[1-9] storms found, 0 frames dropped\n")
  weft_example_test(failed_link weft_example_failed_link "leaf0>spine0#1 is down.*lost [1-9].* failed QPs 0\n")
  weft_example_test(mixed weft_example_mixed "packets alone: 9[78].*packets had 49.*packets alone again: 9[78]")
endif()
