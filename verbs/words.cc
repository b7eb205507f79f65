#include "verbs/words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace weft::verbs {
namespace {

constexpr std::array kTransports{
    std::pair{Transport::kRc, std::string_view("RC")}, std::pair{Transport::kUc, std::string_view("UC")},
    std::pair{Transport::kUd, std::string_view("UD")}, std::pair{Transport::kXrc, std::string_view("XRC")}};
constexpr std::array kOps{std::pair{Op::kWrite, std::string_view("write")},
                          std::pair{Op::kWriteImm, std::string_view("write_imm")},
                          std::pair{Op::kRead, std::string_view("read")},
                          std::pair{Op::kSend, std::string_view("send")},
                          std::pair{Op::kAtomicCas, std::string_view("atomic_cas")},
                          std::pair{Op::kAtomicFadd, std::string_view("atomic_fadd")}};

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

template <typename Words>
auto find_word(const Words& words, std::string_view text, const char* what)
    -> Expected<typename Words::value_type::first_type> {
  std::string all;
  for (const auto& [value, word] : words) {
    if (same_word(word, text)) return value;
    all += (all.empty() ? "" : ", ") + std::string(word);
  }
  return input_error(std::string("unknown ") + what, std::string(text), "one of " + all);
}

}  // namespace

std::string_view to_text(Transport transport) { return kTransports.at(static_cast<std::size_t>(transport)).second; }
std::string_view to_text(Op op) { return kOps.at(static_cast<std::size_t>(op)).second; }
Expected<Transport> parse_transport(std::string_view text) { return find_word(kTransports, text, "transport"); }
Expected<Op> parse_op(std::string_view text) { return find_word(kOps, text, "operation"); }

}  // namespace weft::verbs
