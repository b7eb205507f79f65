// What is wrong with a frame, and at which byte of it. Cheap to pass about: a receive path meets many bad frames.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "fabric/error.h"

namespace weft::wire {

enum class WireFault : std::uint8_t {
  kTruncated,
  kNotIp,
  kTooManyTags,
  kIpVersion,
  kIpOptions,
  kIpLength,
  kFragment,
  kNotUdp,
  kNotRocePort,
  kUdpLength,
  kUnknownOpcode,
  kTransportVersion,
  kPadding,
  kUnexpectedPayload,
  kUnaligned,
  kValueTooWide,
  kTooLong,
  kNotMacControl,
  kNotPause,
};

struct WireError {
  WireFault fault = WireFault::kTruncated;
  std::size_t offset = 0;  // of the byte that is wrong; in a frame to be built, where it would stand
  const char* item = "";   // the header, such as "IPv4 header"; lives as long as the program

  bool operator==(const WireError& o) const { return fault == o.fault && offset == o.offset; }
  // "byte 14, IPv4 header: the frame ends within it".
  [[nodiscard]] std::string text() const;
  // The same as an input error.
  [[nodiscard]] Error to_error() const;
};

template <typename T>
using WireExpected = tl::expected<T, WireError>;

[[nodiscard]] inline tl::unexpected<WireError> wire_error(WireFault fault, std::size_t offset, const char* item) {
  return tl::unexpected<WireError>(WireError{fault, offset, item});
}

}  // namespace weft::wire
