#include "dpdk/turn.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weft::dpdk {
namespace {

constexpr std::size_t kMostLayouts = 16;  // each has 40 KiB of tables
constexpr std::uint8_t kTtl = 64;
constexpr std::size_t kMagicAt = offsetof(Stamp, magic);

std::uint64_t load_big_endian(const std::uint8_t* at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | at[i];
  return value;
}

struct Addresses {
  std::uint32_t at = 0, size = 0;  // of the source; the destination follows
};
Addresses addresses_of(const wire::FrameLayout& layout) {
  return layout.ip_version == wire::IpVersion::kV4 ? Addresses{layout.ip + 12, 4} : Addresses{layout.ip + 8, 16};
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
void set_ttl(std::uint8_t* ip) {
  const std::uint32_t before = std::uint32_t{ip[8]} << 8 | ip[9], after = std::uint32_t{kTtl} << 8 | ip[9];
  std::uint32_t sum = (~(std::uint32_t{ip[10]} << 8 | ip[11]) & 0xFFFF) + (~before & 0xFFFF) + after;
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  sum = ~sum & 0xFFFF;
  ip[8] = kTtl;
  ip[10] = static_cast<std::uint8_t>(sum >> 8);
  ip[11] = static_cast<std::uint8_t>(sum);
}

bool same(const wire::FrameLayout& a, const wire::FrameLayout& b) {
  return a.ip == b.ip && a.ip_version == b.ip_version && a.udp == b.udp && a.payload == b.payload && a.icrc == b.icrc;
}

}  // namespace

std::optional<Stamp> find_stamp(std::span<const std::uint8_t> frame, const wire::FrameLayout& layout) {
  if (layout.payload_size < Stamp::kSize) return std::nullopt;
  Stamp stamp;
  std::memcpy(&stamp, frame.data() + layout.payload, Stamp::kSize);
  if (stamp.magic != Stamp::kMagic && stamp.magic != Stamp::kTurned) return std::nullopt;
  return stamp;
}

Turner::Patches& Turner::patches_for(const wire::FrameLayout& layout) {
  const auto found = std::ranges::find_if(known_, [&](const auto& patches) { return same(patches->layout, layout); });
  if (found != known_.end()) {
    if (found != known_.begin()) std::rotate(known_.begin(), found, found + 1);
    return *known_.front();
  }
  auto made = std::make_unique<Patches>();
  made->layout = layout;
  const Addresses addresses = addresses_of(layout);
  for (std::uint32_t offset = 0; offset < 2 * addresses.size; offset += 8)
    made->of.emplace_back(layout, wire::FieldPlace{addresses.at + offset, 8});
  made->of.emplace_back(layout, wire::FieldPlace{layout.payload + static_cast<std::uint32_t>(kMagicAt), 4});
  if (known_.size() == kMostLayouts) known_.pop_back();
  known_.insert(known_.begin(), std::move(made));
  return *known_.front();
}

void Turner::turn(std::span<std::uint8_t> frame, const wire::FrameLayout& layout) {
  std::uint8_t* f = frame.data();
  const Patches& patches = patches_for(layout);
  const Addresses addresses = addresses_of(layout);
  std::uint8_t *source = f + addresses.at, *destination = source + addresses.size,
               *magic = f + layout.payload + kMagicAt;
  std::array<std::uint64_t, 4> before{};
  const std::size_t words = patches.of.size() - 1;
  for (std::size_t i = 0; i < words; ++i) before[i] = load_big_endian(source + 8 * i, 8);
  const std::uint64_t magic_before = load_big_endian(magic, 4);

  std::swap_ranges(f, f + 6, f + 6);
  std::swap_ranges(source, destination, destination);
  std::memcpy(magic, &Stamp::kTurned, 4);
  std::uint32_t icrc = wire::load_icrc(frame, layout);
  for (std::size_t i = 0; i < words; ++i) icrc ^= patches.of[i].delta(before[i] ^ load_big_endian(source + 8 * i, 8));
  icrc ^= patches.of.back().delta(magic_before ^ load_big_endian(magic, 4));
  wire::store_icrc(frame, layout, icrc);
  // Neither is covered by the ICRC. A UDP checksum, which RoCEv2 need not have, would no longer be right.
  if (layout.ip_version == wire::IpVersion::kV4)
    set_ttl(f + layout.ip);
  else
    f[layout.ip + 7] = kTtl;
  std::memset(f + layout.udp + 6, 0, 2);
}

}  // namespace weft::dpdk
