# tests of area predict
weft_test(predict
  SOURCES
    validation/collective_closed_forms_test.cc
  LIBS weft::predict weft::analytic weft::fluid)
