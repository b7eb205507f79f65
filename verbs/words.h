// The words of a traffic plan: operations and transports, as perftest and the verbs manual name them.
#pragma once

#include <cstdint>
#include <string_view>

#include "fabric/error.h"

namespace weft::verbs {

enum class Transport : std::uint8_t { kRc, kUc, kUd, kXrc };
enum class Op : std::uint8_t { kWrite, kWriteImm, kRead, kSend, kAtomicCas, kAtomicFadd };

[[nodiscard]] std::string_view to_text(Transport transport);  // "RC"
[[nodiscard]] std::string_view to_text(Op op);                // "write_imm"
// Any case. Errors: kInput, with the words that there are.
[[nodiscard]] Expected<Transport> parse_transport(std::string_view text);
[[nodiscard]] Expected<Op> parse_op(std::string_view text);

[[nodiscard]] constexpr bool is_atomic(Op op) { return op == Op::kAtomicCas || op == Op::kAtomicFadd; }
// Whether the far side must post receives.
[[nodiscard]] constexpr bool takes_receives(Op op) { return op == Op::kSend || op == Op::kWriteImm; }
// Whether the far side's data comes back: read and atomics.
[[nodiscard]] constexpr bool fetches(Op op) { return op == Op::kRead || is_atomic(op); }
// IBTA 9.2, table 38: UC has no read and no atomics, UD sends only.
[[nodiscard]] constexpr bool has(Transport transport, Op op) {
  if (transport == Transport::kUd) return op == Op::kSend;
  if (transport == Transport::kUc) return !fetches(op);
  return true;
}
[[nodiscard]] constexpr bool is_reliable(Transport transport) {
  return transport == Transport::kRc || transport == Transport::kXrc;
}

}  // namespace weft::verbs
