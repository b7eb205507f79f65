#include "fabric/error.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace weft {

std::string Error::text() const {
  std::string out;
  if (!place.file.empty()) {
    out += place.file;
    if (place.line != 0) out += fmt::format(":{}:{}", place.line, place.column);
    out += ": ";
  }
  out += message;
  if (!item.empty()) out += fmt::format(": '{}'", item);
  if (!way_out.empty()) out += fmt::format("; {}", way_out);
  return out;
}

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace weft
