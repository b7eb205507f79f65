weft_test(fabric SOURCES unit/units_test.cc unit/histogram_test.cc unit/traffic_json_test.cc unit/pfc_test.cc unit/priorities_test.cc
          unit/dcqcn_rate_test.cc LIBS weft::fabric)
