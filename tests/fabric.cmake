weft_test(fabric SOURCES unit/units_test.cc unit/pfc_test.cc unit/priorities_test.cc LIBS weft::fabric)
