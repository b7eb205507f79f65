#include <cstddef>
#include <cstdint>

#include "tests/fuzz/cabling_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto plan = weft::small_plan();  // read only
  weft::check_cabling_input(*plan, {reinterpret_cast<const char*>(data), size});
  return 0;
}
