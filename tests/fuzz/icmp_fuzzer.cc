#include <cstddef>
#include <cstdint>

#include "tests/fuzz/icmp_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weft::check_icmp_input({reinterpret_cast<const char*>(data), size});
  return 0;
}
