weft_test(topologies
  SOURCES
    property/topology_property_test.cc
    unit/topology_cabling_test.cc
    unit/topology_carved_test.cc
    unit/topology_failures_test.cc
    unit/topology_generators_test.cc
    validation/example_specs_test.cc
    validation/part_counts_test.cc
  LIBS weft::topologies)
