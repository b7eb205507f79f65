weft_test(spec SOURCES unit/spec_yaml_test.cc unit/spec_error_test.cc LIBS weft::topologies)
