weft_test(fabric SOURCES unit/units_test.cc LIBS weft::fabric)
