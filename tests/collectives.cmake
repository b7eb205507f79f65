# tests of area collectives
weft_test(collectives
  SOURCES unit/collectives_proof_test.cc unit/collectives_cost_test.cc unit/collectives_pattern_test.cc
          unit/collectives_placement_test.cc property/collectives_property_test.cc
  LIBS weft::collectives)
