# tests of area gaps: items of docs/coverage.md that no other area shows, and the replay of the fuzzers' corpora.
weft_test(gaps SOURCES unit/coverage_gaps_test.cc fuzz/corpus_replay_test.cc
          LIBS weft::predict weft::analytic weft::fluid weft::topologies)
