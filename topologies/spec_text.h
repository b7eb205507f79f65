// Values of a fabric file as YAML text, and which ValueType each C++ type is.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>

#include "topologies/spec_fields.h"
#include "topologies/spec_keys.h"

namespace weft {

// Always quoted: a text like 1.5 or true stays a text. REQUIRES: no control characters.
inline std::string yaml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}
inline std::string yaml_text(bool flag) { return flag ? "true" : "false"; }
inline std::string yaml_text(std::uint32_t number) { return fmt::format("{}", number); }
inline std::string yaml_text(std::uint64_t number) { return fmt::format("{}", number); }
inline std::string yaml_text(double number) { return fmt::format("{}", number); }  // shortest that parses back
inline std::string yaml_text(Rate rate) { return to_text(rate); }
inline std::string yaml_text(Bytes bytes) { return to_text(bytes); }
inline std::string yaml_text(Duration duration) { return to_text(duration); }
template <typename E>
requires std::is_enum_v<E> std::string yaml_text(E value) { return std::string(choice_name(value)); }

template <typename T>
constexpr ValueType value_type() {
  if constexpr (std::is_enum_v<T>) return ValueType::kChoice;
  if constexpr (std::same_as<T, std::string>) return ValueType::kText;
  if constexpr (std::same_as<T, bool>) return ValueType::kFlag;
  if constexpr (std::same_as<T, double>) return ValueType::kReal;
  if constexpr (std::same_as<T, Rate>) return ValueType::kRate;
  if constexpr (std::same_as<T, Bytes>) return ValueType::kSize;
  if constexpr (std::same_as<T, Duration>) return ValueType::kDuration;
  return ValueType::kWhole;
}

}  // namespace weft
