# tests of area checks: what is found out of a fabric from its edge, without DPDK
weft_test(checks SOURCES fuzz/icmp_replay_test.cc unit/checks_test.cc unit/pause_check_test.cc unit/pause_length_test.cc unit/marking_curve_test.cc unit/marking_run_test.cc LIBS weft::checks weft::rc)
