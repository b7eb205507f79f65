// Elements of a collective: nccl-tests' data types and reductions, with values whose results are exact in each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fabric/error.h"

namespace weft::verbs {

enum class DataType : std::uint8_t {
  kInt8,
  kUint8,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kHalf,      // IEEE 754 binary16
  kBfloat16,  // the upper half of a float
  kFloat,
  kDouble
};
enum class RedOp : std::uint8_t { kSum, kProd, kMin, kMax };

[[nodiscard]] const char* to_text(DataType type);  // "int8", "half"
[[nodiscard]] const char* to_text(RedOp op);       // "sum"
// float16 and fp16 are half, bf16 is bfloat16. Errors: kInput, with the words that there are.
[[nodiscard]] Expected<DataType> parse_data_type(const std::string& text);
[[nodiscard]] Expected<RedOp> parse_red_op(const std::string& text);

[[nodiscard]] std::uint64_t size_of(DataType type);  // B
constexpr std::uint64_t kLargestElement = 8;         // B

struct Reduction {
  DataType type = DataType::kFloat;
  RedOp op = RedOp::kSum;
  // NOLINTNEXTLINE(google-explicit-constructor): a type alone is summed, as by default
  Reduction(DataType t = DataType::kFloat, RedOp o = RedOp::kSum) : type(t), op(o) {}
};

// to[i] = op(to[i], from[i]). Integers wrap; half and bfloat16 round each result to nearest even.
// REQUIRES: both of the same length, aligned as the type.
void reduce(Reduction reduction, std::span<std::byte> to, std::span<const std::byte> from);
// What any value is left unchanged by: 0, 1, the largest, the smallest.
void fill_identity(Reduction reduction, std::span<std::byte> to);
// A whole number as the type has it; integers take its low bits.
void write_number(DataType type, std::byte* place, std::uint64_t number);

// What a rank of `ranks` begins with, so that the reduction of all is exact in any order: sums within the significand,
// products of at most three factors above 1.
[[nodiscard]] std::uint64_t value_of(Reduction reduction, std::uint32_t ranks, std::uint32_t rank,
                                     std::uint64_t element);
[[nodiscard]] std::uint64_t combined(RedOp op, std::uint64_t a, std::uint64_t b);

[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_half(float value);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);

}  // namespace weft::verbs
