// Whole frames in and out, one at a time: what protocol code needs of a port. The fast path is transmit.h and
// receive.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::dpdk {

class FrameIo {
 public:
  FrameIo() = default;
  FrameIo(const FrameIo&) = delete;
  FrameIo& operator=(const FrameIo&) = delete;
  virtual ~FrameIo() = default;

  // Never waits. False where it cannot go now (queue full, frame above largest_frame()): try again, or count it.
  [[nodiscard]] virtual bool send(std::span<const std::uint8_t> frame) = 0;
  // Never waits. Size of the next frame, which is copied to `buffer`; 0: none is there. What does not fit is cut off.
  [[nodiscard]] virtual std::size_t receive(std::span<std::uint8_t> buffer) = 0;
  // Bytes with Ethernet header, without FCS.
  [[nodiscard]] virtual std::size_t largest_frame() const = 0;
};

}  // namespace weft::dpdk
