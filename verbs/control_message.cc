#include <fmt/format.h>

#include <algorithm>

#include "verbs/control.h"

namespace weft::verbs {
namespace {

constexpr std::string_view kMagic = "WEFT";
constexpr int kDeepest = 8;

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<std::uint8_t>(byte);
  return value;
}

void append(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xffU);
}

// What came instead, as far as it can be shown.
std::string shown(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes)
    out += byte > ' ' && byte <= '~' ? std::string(1, byte) : fmt::format("\\x{:02x}", static_cast<std::uint8_t>(byte));
  return out;
}

}  // namespace

std::string encode(const ControlMessage& message) {
  const std::string body = message.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string out(kMagic);
  append(out, kControlVersion, 2);
  append(out, static_cast<std::uint32_t>(message.kind), 2);
  append(out, static_cast<std::uint32_t>(body.size()), 4);
  return out + body;
}

Expected<ControlHead> decode_head(std::string_view head) {
  if (head.size() != kControlHeadSize || !head.starts_with(kMagic))
    return input_error("the peer does not speak weft's protocol", shown(head.substr(0, kControlHeadSize)),
                       "something else uses this port: choose another by --control-port on both hosts");
  const std::uint32_t version = number(head.substr(4, 2));
  if (version != kControlVersion)
    return input_error(
        fmt::format("the peer speaks version {} of weft's protocol, this weft version {}", version, kControlVersion),
        {}, "install the same weft on both hosts");
  const std::uint32_t kind = number(head.substr(6, 2));
  if (kind < static_cast<std::uint32_t>(ControlKind::kPlan) || kind > static_cast<std::uint32_t>(ControlKind::kBye))
    return input_error("the peer sent a message of no known kind", fmt::format("{}", kind));
  const std::uint32_t length = number(head.substr(8, 4));
  if (length > kLargestControlBody)
    return input_error("the peer announced a message that is too long", fmt::format("{} B", length),
                       fmt::format("at most {} B", kLargestControlBody));
  return ControlHead{static_cast<ControlKind>(kind), length};
}

Expected<nlohmann::ordered_json> decode_body(std::string_view body) {
  bool deep = false;
  const auto shallow = [&deep](int depth, nlohmann::ordered_json::parse_event_t, const nlohmann::ordered_json&) {
    deep = deep || depth > kDeepest;
    return depth <= kDeepest;
  };
  auto json = nlohmann::ordered_json::parse(body, shallow, false);
  if (deep || json.is_discarded() || !json.is_object())
    return input_error("the peer's message is no JSON object",
                       shown(body.substr(0, std::min<std::size_t>(40, body.size()))));
  return json;
}

}  // namespace weft::verbs
