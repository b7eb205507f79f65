# tests of area verify, where ns-3 is installed
if(TARGET weft_packet)
  weft_test(verify
    SOURCES
      property/verify_property_test.cc
      unit/counted_components_test.cc
      unit/verify_carve_test.cc
      unit/verify_interval_test.cc
      unit/verify_test.cc
    LIBS weft::predict weft::analytic weft::fluid weft::packet)
  weft_test(verify_coverage SOURCES validation/verify_coverage_test.cc
            LIBS weft::predict weft::analytic weft::fluid LABEL heavy TIMEOUT 7200)
endif()
