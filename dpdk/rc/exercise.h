// What two RC ends do with one another to show that they understand each other: every operation, both ways, with data
// that each byte's place decides. Shared by `weft dpdk respond` and the peers it is tested against.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "dpdk/rc/requester.h"
#include "fabric/error.h"

namespace weft::dpdk::rc {

// As verbs names them: "send_imm". Errors: kInput; atomics are not exercised.
[[nodiscard]] Expected<Op> parse_op(const std::string& text);
[[nodiscard]] std::string op_name(Op op);
// Whether the target must post receives.
[[nodiscard]] constexpr bool takes_receives(Op op) {
  return op == Op::kSend || op == Op::kSendImm || op == Op::kWriteImm;
}

struct Exercise {
  std::vector<Op> ops{Op::kSend, Op::kWrite, Op::kRead};
  std::vector<std::uint32_t> sizes{1, 4096, 65536};  // B of a message
  std::uint32_t messages = 32;                       // of each step
  std::uint32_t mtu = 1024;                          // B of payload

  // Most that one side needs for a step, B.
  [[nodiscard]] std::uint64_t memory() const;
};

inline constexpr std::uint64_t kMostMemory = 256ULL << 20U;  // of an exercise
inline constexpr std::uint32_t kMostMessages = 4096;
inline constexpr std::size_t kMostSteps = 256;

[[nodiscard]] nlohmann::ordered_json to_json(const Exercise& exercise);
// From a peer, so not trusted. Errors: kInput.
[[nodiscard]] Expected<Exercise> exercise_from_json(const nlohmann::ordered_json& json);
// Errors: kInput: too large, no MTU.
[[nodiscard]] Expected<void> check(const Exercise& exercise);

// One operation, one way, one size.
struct Step {
  std::uint32_t index = 0;
  Op op = Op::kSend;
  std::uint32_t size = 0;
  bool caller_requests = true;  // who requests: the side that connected, or the one that listened
};
[[nodiscard]] std::vector<Step> steps_of(const Exercise& exercise);

// Bytes that differ from step to step and place to place. Message i has its own part, size x i on.
void fill(std::span<std::uint8_t> bytes, std::uint32_t step);
// How many bytes are not fill()'s.
[[nodiscard]] std::uint64_t wrong_bytes(std::span<const std::uint8_t> bytes, std::uint32_t step);

}  // namespace weft::dpdk::rc
