weft_test(routing
  SOURCES
    unit/forwarding_test.cc
    unit/routing_hash_test.cc
    unit/routing_clos_test.cc
    unit/routing_graph_test.cc
    unit/routing_spray_test.cc
    property/forwarding_property_test.cc
    property/routing_property_test.cc
  LIBS weft::topologies)
