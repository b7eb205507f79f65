# tests of area predict
weft_test(predict
  SOURCES
    property/predict_property_test.cc
    unit/aggregate_test.cc
    unit/analytic_test.cc
    unit/congestion_efficiency_test.cc
    unit/cost_test.cc
    unit/flows_test.cc
    unit/loads_test.cc
    validation/collective_closed_forms_test.cc
    validation/ecmp_rows_test.cc
    validation/max_min_rows_test.cc
    validation/spray_rows_test.cc
  LIBS weft::predict weft::analytic weft::fluid)
