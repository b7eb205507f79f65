// Errors as values: what is wrong, where, and the way out.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace weft {

// Maps one to one on the exit codes of docs/spec.md: input -> 2, environment -> 3.
enum class ErrorCode : std::uint8_t {
  kInput,        // what the user wrote is wrong
  kEnvironment,  // the machine cannot do it (no file, no permission, no device, no memory)
  kInterrupted,  // stopped by the user; what was measured is kept
};

// A place in a text file. Line and column count from 1; 0 means unknown.
struct SourcePlace {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Error {
  ErrorCode code = ErrorCode::kInput;
  std::string message;  // what is wrong, one sentence, no full stop
  std::string item;     // the offending value or key, as the user wrote it
  std::string way_out;  // what would be right
  SourcePlace place{};

  // "file:line:column: message: 'item'; way_out". Parts that are empty are left out.
  [[nodiscard]] std::string text() const;
};

template <typename T>
using Expected = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> input_error(std::string message, std::string item = {},
                                                       std::string way_out = {}) {
  return tl::unexpected<Error>(Error{ErrorCode::kInput, std::move(message), std::move(item), std::move(way_out), {}});
}
[[nodiscard]] inline tl::unexpected<Error> environment_error(std::string message, std::string item = {},
                                                             std::string way_out = {}) {
  return tl::unexpected<Error>(
      Error{ErrorCode::kEnvironment, std::move(message), std::move(item), std::move(way_out), {}});
}

// Aborts with the text of a programmer's mistake, in every build.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace weft

#define WEFT_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::weft::check_failed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define WEFT_DCHECK(condition) static_cast<void>(0)
#else
#define WEFT_DCHECK(condition) WEFT_CHECK(condition)
#endif
