# tests of area rc: the user-space RC endpoint, without DPDK
weft_test(rc SOURCES unit/rc_exercise_test.cc unit/rc_requester_test.cc unit/rc_responder_test.cc property/rc_property_test.cc fuzz/rc_replay_test.cc LIBS weft::rc)
