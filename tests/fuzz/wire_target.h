// What must hold for any bytes given as a frame; shared by libFuzzer and the replay test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "fabric/wire/frame.h"
#include "fabric/wire/pause.h"

namespace weft {

// An error names a byte of the frame or the one behind it.
inline bool check_wire_error(const wire::WireError& error, std::size_t size) {
  WEFT_CHECK(error.offset <= size && !error.text().empty() && error.text().size() < 200);
  return false;
}

// Either a pause comes out that is built again, or an error.
inline bool check_pause_input(std::span<const std::uint8_t> bytes) {
  const auto pause = wire::parse_pause(bytes);
  if (!pause) return check_wire_error(pause.error(), bytes.size());
  const auto again = wire::build_pause(*pause);
  const std::size_t size =
      std::visit([](const auto& p) { return wire::EthernetHeader::kSize + p.kSize; }, pause->pause);
  WEFT_CHECK(std::equal(again.begin(), again.begin() + static_cast<std::ptrdiff_t>(size), bytes.begin()));
  return true;
}

// Either headers and payload come out, or an error at a byte of the frame. The frame built from them is the same but
// for what complete_headers() fills in, padding and ICRC; built and parsed again it is the same bytes. Aborts
// otherwise; true when accepted.
inline bool check_wire_input(std::string_view text) {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  if (check_pause_input(bytes)) return true;
  const auto parsed = wire::parse_frame(bytes);
  if (!parsed) return check_wire_error(parsed.error(), bytes.size());
  WEFT_CHECK(parsed->layout.end() <= bytes.size());
  const auto complete = wire::complete_headers(parsed->headers, parsed->payload.size());
  const auto built = wire::build_frame(parsed->headers, parsed->payload);
  WEFT_CHECK(complete && built && built->size() == parsed->layout.end());
  const auto again = wire::parse_frame(*built);
  WEFT_CHECK(again && again->headers == *complete && wire::icrc_matches(*built, again->layout));
  WEFT_CHECK(std::ranges::equal(again->payload, parsed->payload));
  if (*complete == parsed->headers && parsed->layout.pad_size == 0 && wire::icrc_matches(bytes, parsed->layout))
    WEFT_CHECK(std::ranges::equal(*built, bytes.first(built->size())));
  return true;
}

}  // namespace weft
