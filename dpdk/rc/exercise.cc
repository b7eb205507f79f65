#include "dpdk/rc/exercise.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fabric/json_member.h"

namespace weft::dpdk::rc {
namespace {

using measurement_json::Json;
using measurement_json::member;
using measurement_json::Unfit;

constexpr std::array<std::pair<const char*, Op>, 5> kOps{{{"send", Op::kSend},
                                                          {"send_imm", Op::kSendImm},
                                                          {"write", Op::kWrite},
                                                          {"write_imm", Op::kWriteImm},
                                                          {"read", Op::kRead}}};

// Sebastiano Vigna's splitmix64: every bit of the input moves every bit of the result.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

template <typename Visit>
void for_each_byte(std::size_t size, std::uint32_t step, Visit visit) {
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = mixed((std::uint64_t{step} << 40U) + at);
    for (std::size_t i = 0; i < std::min<std::size_t>(8, size - at); ++i)
      visit(at + i, static_cast<std::uint8_t>(word >> (8 * i)));
  }
}

}  // namespace

Expected<Op> parse_op(const std::string& text) {
  for (const auto& [name, op] : kOps)
    if (text == name) return op;
  return input_error("no operation of an exercise", text, "send, send_imm, write, write_imm, read");
}

std::string op_name(Op op) {
  for (const auto& [name, known] : kOps)
    if (op == known) return name;
  return "atomic";
}

std::uint64_t Exercise::memory() const {
  const auto largest = std::ranges::max_element(sizes);
  return largest == sizes.end() ? 0 : std::uint64_t{*largest} * messages;
}

Json to_json(const Exercise& exercise) {
  Json ops = Json::array();
  for (const Op op : exercise.ops) ops.push_back(op_name(op));
  return {{"operations", ops}, {"sizes", exercise.sizes}, {"messages", exercise.messages}, {"mtu", exercise.mtu}};
}

Expected<Exercise> exercise_from_json(const Json& json) {
  try {
    Exercise exercise;
    exercise.ops.clear();
    exercise.sizes.clear();
    const Json &ops = json.at("operations"), &sizes = json.at("sizes");
    if (!ops.is_array() || !sizes.is_array() || ops.size() > kMostSteps || sizes.size() > kMostSteps)
      throw Unfit{"operations", "no list, or too long"};
    for (const Json& name : ops) {
      const auto op = parse_op(name.get<std::string>());
      if (!op) return tl::unexpected(op.error());
      exercise.ops.push_back(*op);
    }
    for (const Json& size : sizes) {
      if (!size.is_number_unsigned() || size.get<std::uint64_t>() > kMostMemory) throw Unfit{"sizes", size.dump()};
      exercise.sizes.push_back(size.get<std::uint32_t>());
    }
    exercise.messages = member<std::uint32_t>(json, "messages");
    exercise.mtu = member<std::uint32_t>(json, "mtu");
    if (const auto good = check(exercise); !good) return tl::unexpected(good.error());
    return exercise;
  } catch (const Unfit& unfit) {
    return input_error("the peer's exercise does not fit: " + unfit.key, unfit.value);
  } catch (const Json::exception& error) {
    return input_error(std::string("the peer's exercise is not one: ") + error.what());
  }
}

Expected<void> check(const Exercise& exercise) {
  constexpr std::array kMtus{256U, 512U, 1024U, 2048U, 4096U};
  if (std::ranges::find(kMtus, exercise.mtu) == kMtus.end())
    return input_error("no RDMA path MTU", std::to_string(exercise.mtu), "256, 512, 1024, 2048 or 4096 bytes");
  if (exercise.messages < 1 || exercise.messages > kMostMessages)
    return input_error("messages of a step", std::to_string(exercise.messages),
                       "1 to " + std::to_string(kMostMessages));
  const std::size_t steps = 2 * exercise.ops.size() * exercise.sizes.size();
  if (steps < 1 || steps > kMostSteps)
    return input_error("steps: operations x sizes x 2", std::to_string(steps), "2 to " + std::to_string(kMostSteps));
  if (exercise.memory() > kMostMemory)
    return input_error("memory of a step: size x messages", std::to_string(exercise.memory()) + " B",
                       "at most 256 MiB");
  return {};
}

std::vector<Step> steps_of(const Exercise& exercise) {
  std::vector<Step> steps;
  for (const std::uint32_t size : exercise.sizes)
    for (const Op op : exercise.ops)
      for (const bool caller : {true, false})
        steps.push_back({static_cast<std::uint32_t>(steps.size()), op, size, caller});
  return steps;
}

void fill(std::span<std::uint8_t> bytes, std::uint32_t step) {
  for_each_byte(bytes.size(), step, [&](std::size_t at, std::uint8_t value) { bytes[at] = value; });
}

std::uint64_t wrong_bytes(std::span<const std::uint8_t> bytes, std::uint32_t step) {
  std::uint64_t wrong = 0;
  for_each_byte(bytes.size(), step, [&](std::size_t at, std::uint8_t value) { wrong += bytes[at] != value ? 1 : 0; });
  return wrong;
}

}  // namespace weft::dpdk::rc
