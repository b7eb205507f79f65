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
  // What a user typed may be as long as a file; the start of it is enough to find it.
  constexpr std::size_t kLongestItem = 200;
  if (item.size() > kLongestItem)
    out += fmt::format(": '{}...'", std::string_view(item).substr(0, kLongestItem));
  else if (!item.empty())
    out += fmt::format(": '{}'", item);
  if (!way_out.empty()) out += fmt::format("; {}", way_out);
  return out;
}

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace weft
