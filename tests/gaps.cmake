# tests of area gaps: items of docs/coverage.md that no other area shows, and the replay of the fuzzers' corpora.
weft_test(gaps SOURCES unit/coverage_gaps_test.cc fuzz/corpus_replay_test.cc
          LIBS weft::predict weft::analytic weft::fluid weft::topologies)

weft_test(peer SOURCES validation/simgrid_test.cc LIBS weft::maxmin)
find_library(WEFT_SIMGRID simgrid)
if(WEFT_SIMGRID)
  target_sources(weft_test_peer PRIVATE ${PROJECT_SOURCE_DIR}/bench/fluid_simgrid.cc)
  target_compile_definitions(weft_test_peer PRIVATE WEFT_WITH_SIMGRID)
  target_link_libraries(weft_test_peer PRIVATE ${WEFT_SIMGRID})
endif()
