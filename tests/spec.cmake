weft_test(spec SOURCES unit/spec_yaml_test.cc unit/spec_error_test.cc unit/spec_docs_test.cc unit/spec_packet_test.cc
          property/spec_property_test.cc fuzz/spec_replay_test.cc LIBS weft::topologies)

# Exit code 77: the machine lacks python3-jsonschema or python3-yaml; the output says so.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME spec.schema.examples
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/unit/spec_schema_test.py ${PROJECT_SOURCE_DIR})
  set_tests_properties(spec.schema.examples PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
endif()

if(WEFT_FUZZ)
  add_subdirectory(fuzz)
endif()
