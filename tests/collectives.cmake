# tests of area collectives
weft_test(collectives
  SOURCES unit/collectives_proof_test.cc unit/collectives_cost_test.cc unit/collectives_pattern_test.cc
          unit/collectives_placement_test.cc property/collectives_property_test.cc
  LIBS weft::collectives)
if(WEFT_SANITIZE)
  # g++ 12 takes std::regex for uninitialized once it is instrumented (GCC bug 105562).
  set_source_files_properties(unit/collectives_cost_test.cc PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()
