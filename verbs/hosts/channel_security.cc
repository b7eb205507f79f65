#include "verbs/hosts/channel_security.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace weft::verbs {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U, kShortestToken = 8;

Expected<std::string> read_small(const std::string& path, const char* what) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return environment_error(std::string("cannot read the ") + what, path, std::strerror(errno));
  std::string text(kLargestFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace

Expected<std::string> read_token(const std::string& path) {
  std::string token;
  if (!path.empty()) {
    auto text = read_small(path, "token");
    if (!text) return text;
    token = std::move(*text);
  } else if (const char* variable = std::getenv("WEFT_TOKEN"); variable != nullptr) {
    token = variable;
  } else {
    return token;
  }
  const char* const blank = " \t\r\n";
  token.erase(0, std::min(token.find_first_not_of(blank), token.size()));
  token.erase(token.find_last_not_of(blank) + 1);
  if (token.size() < kShortestToken || token.size() > 1024)
    return input_error("a token has 8 to 1024 characters", path.empty() ? "WEFT_TOKEN" : path,
                       "head -c 24 /dev/urandom | base64 makes one");
  for (const char c : token)
    if (c < '!' || c > '~') return input_error("a token is printable ASCII without blanks", path);
  return token;
}

Expected<std::string> read_pem(const std::string& path) {
  if (path.empty()) return std::string();
  return read_small(path, "certificate or key");
}

bool same_token(std::string_view a, std::string_view b) {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    differs |= static_cast<unsigned>(a[i] ^ (b.empty() ? '\0' : b[i % b.size()])) & 0xffU;
  return differs == 0;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

}  // namespace weft::verbs
