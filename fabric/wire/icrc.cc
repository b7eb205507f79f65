#include "fabric/wire/icrc.h"

#include <algorithm>
#include <array>

namespace weft::wire {
namespace {

// A byte that is taken as ones, from the start of its header.
struct MaskedByte {
  std::uint8_t at;
  std::uint8_t bits;
};
constexpr std::array kIpv4Masked{MaskedByte{1, 0xFF}, MaskedByte{8, 0xFF}, MaskedByte{10, 0xFF}, MaskedByte{11, 0xFF}};
constexpr std::array kIpv6Masked{MaskedByte{0, 0x0F}, MaskedByte{1, 0xFF}, MaskedByte{2, 0xFF}, MaskedByte{3, 0xFF},
                                 MaskedByte{7, 0xFF}};
constexpr std::array kUdpMasked{MaskedByte{6, 0xFF}, MaskedByte{7, 0xFF}};
constexpr std::array kBthMasked{MaskedByte{4, 0xFF}};

// Calls f(offset, bits) for each masked byte of the frame.
template <typename F>
void for_each_masked(const FrameLayout& layout, F f) {
  const auto header = [&](std::size_t start, std::span<const MaskedByte> bytes) {
    for (const MaskedByte& byte : bytes) f(start + byte.at, byte.bits);
  };
  if (layout.ip_version == IpVersion::kV4)
    header(layout.ip, kIpv4Masked);
  else
    header(layout.ip, kIpv6Masked);
  header(layout.udp, kUdpMasked);
  header(layout.bth, kBthMasked);
}

constexpr std::size_t kPrefix = 8;  // of ones, in place of the LRH
constexpr std::size_t kBlock = 16;  // of the carry-less engine
constexpr std::size_t kLongestHead = kPrefix + Ipv6Header::kSize + UdpHeader::kSize + Bth::kSize + kBlock;

// Prefix, IPv4, UDP and BTH are three blocks: read where they lie, with these bits set. The prefix covers the end of
// the Ethernet header or of its tags.
constexpr std::size_t kIpv4Head = kPrefix + Ipv4Header::kSize + UdpHeader::kSize + Bth::kSize;
static_assert(kIpv4Head == 3 * kBlock && kPrefix <= EthernetHeader::kSize);
constexpr std::array<std::uint8_t, kIpv4Head> make_ipv4_ones() {
  std::array<std::uint8_t, kIpv4Head> ones{};
  for (std::size_t i = 0; i < kPrefix; ++i) ones[i] = 0xFF;
  for (const MaskedByte& byte : kIpv4Masked) ones[kPrefix + byte.at] = byte.bits;
  for (const MaskedByte& byte : kUdpMasked) ones[kPrefix + Ipv4Header::kSize + byte.at] = byte.bits;
  for (const MaskedByte& byte : kBthMasked) ones[kIpv4Head - Bth::kSize + byte.at] = byte.bits;
  return ones;
}
constexpr auto kIpv4Ones = make_ipv4_ones();

}  // namespace

std::uint32_t icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout, CrcEngine engine) {
  WEFT_CHECK(layout.icrc <= frame.size());
  if (engine == CrcEngine::kCarryless && layout.ip_version == IpVersion::kV4) {
    const auto head = frame.subspan(layout.ip - kPrefix).first<kIpv4Head>();
    const std::size_t end = layout.ip - kPrefix + kIpv4Head;
    return ~crc_detail::carryless_masked(head, kIpv4Ones, frame.subspan(end, layout.icrc - end));
  }
  // The masked headers go through a copy, filled up to whole blocks; the rest is read where it lies.
  std::array<std::uint8_t, kLongestHead> head;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as used
  const std::size_t headers = layout.bth + Bth::kSize - layout.ip;
  const std::size_t fill = (kBlock - (kPrefix + headers) % kBlock) % kBlock;
  const std::size_t copied = std::min<std::size_t>(headers + fill, layout.icrc - layout.ip);
  std::fill_n(head.begin(), kPrefix, std::uint8_t{0xFF});
  std::copy_n(frame.begin() + layout.ip, copied, head.begin() + kPrefix);
  for_each_masked(layout, [&](std::size_t offset, std::uint8_t masked) {
    std::uint8_t& byte = head[kPrefix + offset - layout.ip];
    byte = static_cast<std::uint8_t>(byte | masked);
  });
  const std::span<const std::uint8_t> masked(head.data(), kPrefix + copied);
  const auto rest = frame.subspan(layout.ip + copied, layout.icrc - layout.ip - copied);
  if (engine == CrcEngine::kCarryless && masked.size() % kBlock == 0)
    return ~crc_detail::carryless_update(kCrcStart, masked, rest);
  return ~crc32_update(crc32_update(kCrcStart, masked, engine), rest, engine);
}

std::uint32_t icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout) {
  return icrc(frame, layout, best_engine());
}

std::uint32_t load_icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout) {
  const auto at = frame.subspan(layout.icrc, kIcrcSize);
  return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[3]} << 24;
}

void store_icrc(std::span<std::uint8_t> frame, const FrameLayout& layout, std::uint32_t icrc) {
  const auto at = frame.subspan(layout.icrc, kIcrcSize);
  for (std::size_t i = 0; i < kIcrcSize; ++i) at[i] = static_cast<std::uint8_t>(icrc >> (8 * i));
}

bool icrc_matches(std::span<const std::uint8_t> frame, const FrameLayout& layout) {
  return icrc(frame, layout) == load_icrc(frame, layout);
}

std::uint8_t icrc_uncovered_bits(const FrameLayout& layout, std::size_t offset) {
  if (offset < layout.ip || offset >= layout.icrc) return 0xFF;
  std::uint8_t uncovered = 0;
  for_each_masked(layout, [&](std::size_t at, std::uint8_t masked) { uncovered = at == offset ? masked : uncovered; });
  return uncovered;
}

}  // namespace weft::wire
