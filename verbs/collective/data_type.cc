#include "verbs/collective/data_type.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace weft::verbs {
namespace {

constexpr std::array kTypes{std::pair{DataType::kInt8, "int8"},    std::pair{DataType::kUint8, "uint8"},
                            std::pair{DataType::kInt32, "int32"},  std::pair{DataType::kUint32, "uint32"},
                            std::pair{DataType::kInt64, "int64"},  std::pair{DataType::kUint64, "uint64"},
                            std::pair{DataType::kHalf, "half"},    std::pair{DataType::kBfloat16, "bfloat16"},
                            std::pair{DataType::kFloat, "float"},  std::pair{DataType::kDouble, "double"},
                            std::pair{DataType::kHalf, "float16"}, std::pair{DataType::kHalf, "fp16"},
                            std::pair{DataType::kBfloat16, "bf16"}};
constexpr std::array kOps{std::pair{RedOp::kSum, "sum"}, std::pair{RedOp::kProd, "prod"}, std::pair{RedOp::kMin, "min"},
                          std::pair{RedOp::kMax, "max"}};

template <typename T, std::size_t N>
const char* text_of(const std::array<std::pair<T, const char*>, N>& words, T wanted) {
  return std::ranges::find_if(words, [&](const auto& word) { return word.first == wanted; })->second;
}

template <typename T, std::size_t N>
Expected<T> parse(const std::array<std::pair<T, const char*>, N>& words, const char* what, const std::string& text) {
  std::string all;
  for (const auto& [value, word] : words) {
    if (text == word) return value;
    all += (all.empty() ? "" : ", ") + std::string(word);
  }
  return input_error(std::string("no such ") + what, text.substr(0, 64), all);
}

// The types that C++ 20 has not, as memory holds them. Their arithmetic is float's, rounded once.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value) : bits(float_to_half(value)) {}
  explicit operator float() const { return half_to_float(bits); }
};
struct Bfloat16 {
  std::uint16_t bits = 0;
  Bfloat16() = default;
  explicit Bfloat16(float value) : bits(float_to_bfloat16(value)) {}
  explicit operator float() const { return bfloat16_to_float(bits); }
};
template <typename T>
constexpr bool kIsShort = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat16>;
// What arithmetic is done in.
template <typename T>
using Wide = std::conditional_t<kIsShort<T>, float, T>;

template <typename Work>
void with_type(DataType type, const Work& work) {
  switch (type) {
    case DataType::kInt8:
      return work(std::int8_t{});
    case DataType::kUint8:
      return work(std::uint8_t{});
    case DataType::kInt32:
      return work(std::int32_t{});
    case DataType::kUint32:
      return work(std::uint32_t{});
    case DataType::kInt64:
      return work(std::int64_t{});
    case DataType::kUint64:
      return work(std::uint64_t{});
    case DataType::kHalf:
      return work(Half{});
    case DataType::kBfloat16:
      return work(Bfloat16{});
    case DataType::kFloat:
      return work(float{});
    case DataType::kDouble:
      return work(double{});
  }
}

// Sums and products of integers as unsigned, for repeated ones wrap.
template <RedOp How, typename T>
T combine(T a, T b) {
  if constexpr (How == RedOp::kMin) {
    return std::min(a, b);
  } else if constexpr (How == RedOp::kMax) {
    return std::max(a, b);
  } else if constexpr (std::is_integral_v<T>) {
    const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
    return static_cast<T>(How == RedOp::kSum ? x + y : x * y);
  } else {
    return How == RedOp::kSum ? a + b : a * b;
  }
}

template <RedOp How, typename T>
void reduce_as(std::span<std::byte> to, std::span<const std::byte> from) {
  T* const into = reinterpret_cast<T*>(to.data());
  const T* const values = reinterpret_cast<const T*>(from.data());
  for (std::size_t i = 0; i < to.size() / sizeof(T); ++i)
    into[i] = static_cast<T>(combine<How>(static_cast<Wide<T>>(into[i]), static_cast<Wide<T>>(values[i])));
}

template <typename T>
T identity_of(RedOp op) {
  using Limits = std::numeric_limits<Wide<T>>;
  if (op == RedOp::kSum) return T{};
  if (op == RedOp::kProd) return static_cast<T>(Wide<T>{1});
  if constexpr (Limits::has_infinity)
    return static_cast<T>(op == RedOp::kMin ? Limits::infinity() : -Limits::infinity());
  return static_cast<T>(op == RedOp::kMin ? Limits::max() : Limits::lowest());
}

// Whole numbers up to it are exact in the type, or, of integers, fit it.
std::uint64_t exact_up_to(DataType type) {
  switch (type) {
    case DataType::kInt8:
    case DataType::kUint8:
      return 127;
    case DataType::kHalf:
      return 1U << 11U;
    case DataType::kBfloat16:
      return 1U << 8U;
    case DataType::kFloat:
      return 1U << 24U;
    default:
      return 1U << 30U;
  }
}

}  // namespace

const char* to_text(DataType type) { return text_of(kTypes, type); }
const char* to_text(RedOp op) { return text_of(kOps, op); }
Expected<DataType> parse_data_type(const std::string& text) { return parse(kTypes, "data type", text); }
Expected<RedOp> parse_red_op(const std::string& text) { return parse(kOps, "reduction", text); }

std::uint64_t size_of(DataType type) {
  std::uint64_t size = 0;
  with_type(type, [&](auto t) { size = sizeof t; });
  return size;
}

void reduce(Reduction reduction, std::span<std::byte> to, std::span<const std::byte> from) {
  with_type(reduction.type, [&]<typename T>(T) {
    switch (reduction.op) {
      case RedOp::kSum:
        return reduce_as<RedOp::kSum, T>(to, from);
      case RedOp::kProd:
        return reduce_as<RedOp::kProd, T>(to, from);
      case RedOp::kMin:
        return reduce_as<RedOp::kMin, T>(to, from);
      case RedOp::kMax:
        return reduce_as<RedOp::kMax, T>(to, from);
    }
  });
}

void fill_identity(Reduction reduction, std::span<std::byte> to) {
  with_type(reduction.type, [&]<typename T>(T) {
    T* const into = reinterpret_cast<T*>(to.data());
    std::fill(into, into + to.size() / sizeof(T), identity_of<T>(reduction.op));
  });
}

void write_number(DataType type, std::byte* place, std::uint64_t number) {
  with_type(type, [&]<typename T>(T) {
    const T value = static_cast<T>(static_cast<Wide<T>>(number));
    std::memcpy(place, &value, sizeof value);
  });
}

std::uint64_t value_of(Reduction reduction, std::uint32_t ranks, std::uint32_t rank, std::uint64_t element) {
  if (reduction.op == RedOp::kProd) return (element + rank) % ranks < 3 ? 2 + (element / ranks + rank) % 2 : 1;
  const bool wraps = size_of(reduction.type) == 1;
  const std::uint64_t most =
      reduction.op == RedOp::kSum && !wraps ? exact_up_to(reduction.type) / ranks : exact_up_to(reduction.type);
  return (element * 7 + rank * 131ULL + 1) % std::min<std::uint64_t>(1009, most + 1);
}

std::uint64_t combined(RedOp op, std::uint64_t a, std::uint64_t b) {
  switch (op) {
    case RedOp::kProd:
      return a * b;
    case RedOp::kMin:
      return std::min(a, b);
    case RedOp::kMax:
      return std::max(a, b);
    case RedOp::kSum:
      break;
  }
  return a + b;
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U, exponent = bits >> 10U & 0x1fU, significand = bits & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | significand << 13U);
  if (exponent == 0) {  // 2^-24 each
    const float value = std::ldexp(static_cast<float>(significand), -24);
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23U | significand << 13U);
}

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16U & 0x8000U, magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);   // not a number
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65520 and above: infinity
  if (magnitude < 0x38800000U)  // below 2^-14: whole numbers of 2^-24; the default rounding is to nearest even
    return static_cast<std::uint16_t>(
        sign | static_cast<std::uint32_t>(std::lrint(std::ldexp(std::bit_cast<float>(magnitude), 24))));
  const std::uint32_t odd = magnitude >> 13U & 1U;
  return static_cast<std::uint16_t>(sign | (magnitude - 0x38000000U + 0xfffU + odd) >> 13U);
}

float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16U | 0x40U);  // not a number
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16U & 1U)) >> 16U);
}

}  // namespace weft::verbs
