# tests of area maxmin
weft_test(maxmin SOURCES unit/maxmin_test.cc unit/maxmin_dynamics_test.cc property/maxmin_property_test.cc validation/ecmp_monte_carlo_test.cc
          LIBS weft::maxmin)
