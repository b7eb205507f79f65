if(TARGET weft_verbs)
  weft_test(verbs SOURCES unit/verbs_control_test.cc unit/verbs_devices_test.cc LIBS weft::verbs)
endif()
