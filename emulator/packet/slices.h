// How a message is cut: into slices that are pipelined, on packet boundaries, and into a relay's pieces.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weft::packet {

// What of a message of `bytes` belongs to part `part` of `parts`: whole packets of `mtu` bytes but for the message's
// last one, as even as packets allow. Sums to `bytes`; empty only where there are fewer packets than parts.
[[nodiscard]] constexpr std::uint64_t slice_bytes(std::uint64_t bytes, std::uint32_t parts, std::uint32_t part,
                                                  std::uint32_t mtu) {
  if (parts <= 1) return bytes;
  const std::uint64_t packets = (bytes + mtu - 1) / mtu;
  const auto edge = [&](std::uint64_t i) { return std::min(bytes, packets * i / parts * mtu); };
  return edge(part + 1) - edge(part);
}

// The share of QP `qp` of `qps` in a message.
[[nodiscard]] constexpr std::uint64_t share_of_qp(std::uint64_t bytes, std::uint32_t qps, std::uint32_t qp) {
  const auto edge = [&](std::uint64_t i) { return bytes / qps * i + bytes % qps * i / qps; };
  return edge(qp + 1) - edge(qp);
}

// A relay passes a message on in pieces of this size: 128 KiB in whole packets.
[[nodiscard]] constexpr std::uint64_t piece_size(std::uint32_t mtu) {
  return std::max<std::uint64_t>(mtu, (128U << 10U) / mtu * mtu);
}
[[nodiscard]] constexpr std::uint64_t piece_count(std::uint64_t bytes, std::uint32_t mtu) {
  return std::max<std::uint64_t>(1, (bytes + piece_size(mtu) - 1) / piece_size(mtu));
}
[[nodiscard]] constexpr std::uint64_t piece_bytes(std::uint64_t bytes, std::uint64_t piece, std::uint32_t mtu) {
  return std::min(bytes - std::min(bytes, piece * piece_size(mtu)), piece_size(mtu));
}

}  // namespace weft::packet
