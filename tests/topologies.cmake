weft_test(topologies
  SOURCES
    validation/part_counts_test.cc
  LIBS weft::topologies)
