// What must hold for any bytes that a receiver gets; shared by libFuzzer and the replay test.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "dpdk/judge.h"
#include "dpdk/turn.h"

namespace weft {

inline bool same_layout(const wire::FrameLayout& a, const wire::FrameLayout& b) {
  return a.vlan_tags == b.vlan_tags && a.ip_version == b.ip_version && a.ip == b.ip && a.udp == b.udp &&
         a.bth == b.bth && a.payload == b.payload && a.payload_size == b.payload_size && a.pad_size == b.pad_size &&
         a.icrc == b.icrc && a.opcode == b.opcode;
}

// The bytes as steps from PSN to PSN: what the flow says is what its sum says, and no packet is counted twice.
inline void check_psns(std::span<const std::uint8_t> bytes) {
  dpdk::PsnTracker tracker;
  dpdk::PsnWindow window;
  dpdk::PsnCounts sum;
  std::uint32_t psn = 0;
  for (const std::uint8_t byte : bytes) {
    // Mostly near, sometimes far: 0 to 127 around the next one, then by powers of two.
    const auto step = static_cast<std::int8_t>(byte);
    psn += (byte & 0x80) == 0 ? 1 + static_cast<std::uint32_t>(step - 64) / 16 : 1U << (byte & 0x1F);
    tracker.take(psn & wire::kMask24, window, sum);
  }
  sum.packets = bytes.size();
  const dpdk::PsnCounts counts = tracker.counts(window);
  WEFT_CHECK(counts == sum);
  WEFT_CHECK(counts.duplicates + counts.reordered + counts.too_late <= counts.packets);
  WEFT_CHECK(counts.lost <= (counts.packets + 1) * dpdk::PsnTracker::kFarthest);
}

// A stamped frame that is turned around stays the frame that it was, from the other side, with an ICRC as right or
// wrong; turned again it is the first one, but for what a turn renews: TTL, checksums, the stamp's direction.
inline void check_turn(std::span<const std::uint8_t> bytes, const wire::FrameLayout& layout) {
  if (!dpdk::find_stamp(bytes, layout)) return;
  dpdk::Turner turner;
  const bool right = wire::icrc_matches(bytes, layout);
  std::vector<std::uint8_t> once(bytes.begin(), bytes.end());
  turner.turn(once, layout);
  const auto after = wire::find_layout(once);
  WEFT_CHECK(after && same_layout(*after, layout) && wire::icrc_matches(once, *after) == right);
  const auto stamp = dpdk::find_stamp(once, layout);
  WEFT_CHECK(stamp && stamp->magic == dpdk::Stamp::kTurned);
  const std::size_t at = layout.ip + (layout.ip_version == wire::IpVersion::kV4 ? 12 : 8);
  const std::size_t size = layout.ip_version == wire::IpVersion::kV4 ? 4 : 16;
  WEFT_CHECK(std::ranges::equal(std::span(once).subspan(at, size), bytes.subspan(at + size, size)));
  WEFT_CHECK(std::ranges::equal(std::span(once).subspan(at + size, size), bytes.subspan(at, size)));
  std::vector<std::uint8_t> twice = once, thrice;
  turner.turn(twice, layout);
  thrice = twice;
  turner.turn(thrice, layout);
  WEFT_CHECK(thrice == once && wire::icrc_matches(twice, layout) == right);
  const auto payload = [&](const auto& frame) { return std::span(frame).subspan(layout.payload + dpdk::Stamp::kSize); };
  WEFT_CHECK(std::ranges::equal(std::span(twice).first(12), bytes.first(12)));
  WEFT_CHECK(std::ranges::equal(std::span(twice).subspan(at, 2 * size), bytes.subspan(at, 2 * size)));
  WEFT_CHECK(std::ranges::equal(payload(twice).first(layout.payload_size - dpdk::Stamp::kSize),
                                payload(bytes).first(layout.payload_size - dpdk::Stamp::kSize)));
}

// The fast classification is find_layout()'s; a judge counts every frame once. True where the frame is RoCEv2.
inline bool check_arrival_input(std::string_view text) {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const dpdk::Arrival arrival = dpdk::classify(bytes);
  const auto layout = wire::find_layout(bytes);
  WEFT_CHECK(layout.has_value() == (arrival.kind != dpdk::ArrivalKind::kForeign));
  if (layout) WEFT_CHECK(same_layout(*layout, arrival.layout) && arrival.flow != 0);
  if (layout) check_turn(bytes, *layout);
  check_psns(bytes.first(std::min<std::size_t>(bytes.size(), 64)));  // a far step costs 512 operations
  dpdk::JudgeOptions options;
  options.icrc_one_in = text.size() % 2 == 0 ? 1 : 0;
  options.precision_bits = 1;
  options.answer_ce = true;
  options.most_flows = 2;
  dpdk::Judge judge(options, dpdk::Clock(1e9));
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::array<dpdk::FrameRef, 3> frames{
      dpdk::FrameRef{bytes.data(), size}, {bytes.data(), size / 2}, {bytes.data(), size}};
  judge.take(frames, 1'000'000);
  const auto& c = judge.counters();
  WEFT_CHECK(c.packets == 3 && c.foreign + c.requests + c.responses + c.cnps + c.icrc_bad == 3);
  WEFT_CHECK(c.lost == 0 && judge.flows() <= 2);
  for (const auto& cnp : judge.take_answers()) WEFT_CHECK(dpdk::classify(cnp).kind == dpdk::ArrivalKind::kCnp);
  return layout.has_value();
}

}  // namespace weft
