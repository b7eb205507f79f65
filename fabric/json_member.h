// Members of JSON objects, read strictly: shared by the readers of a Measurement.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace weft::measurement_json {

using Json = nlohmann::ordered_json;

// A member of the wrong type or out of range; its text is the sentence that the user gets.
struct Unfit {
  std::string key, value;
};

// Converts only what loses nothing: a count is a whole number within Value's range, a quantity any number.
template <typename Value>
Value value_of(const Json& v, const char* key) {
  if constexpr (std::is_integral_v<Value>) {
    const bool fits = v.is_number_unsigned() ? std::in_range<Value>(v.get<std::uint64_t>())
                                             : v.is_number_integer() && std::in_range<Value>(v.get<std::int64_t>());
    if (!fits) throw Unfit{key, v.dump()};
  } else if constexpr (std::is_floating_point_v<Value>) {
    if (!v.is_number()) throw Unfit{key, v.dump()};
  }
  return v.get<Value>();
}

template <typename Value>
Value member(const Json& j, const char* key) {
  return value_of<Value>(j.at(key), key);
}

}  // namespace weft::measurement_json
