// A cable in memory with a FrameIo at each end, and whatever should happen to frames on the way. No DPDK in it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "dpdk/frame_io.h"

namespace weft::dpdk {

// What becomes of one frame.
struct Passage {
  bool drop = false;
  unsigned copies = 1;     // that arrive, where not dropped
  unsigned overtaken = 0;  // frames of the same direction that arrive first; it stays behind where fewer follow
  bool mark_ce = false;    // sets ECN to CE, where the frame is RoCEv2
};

// Asked for each frame of one direction, in order; `index` counts from 0. May change the frame's bytes.
using Mishap = std::function<Passage(std::uint64_t index, std::span<std::uint8_t> frame)>;

// Sets ECN of a RoCEv2 frame to CE and mends the IPv4 checksum, as a switch does. False where it is no such frame.
bool mark_congestion(std::span<std::uint8_t> frame);

// Both ends may be used by a thread of their own.
class Cable {
 public:
  // Each direction holds `capacity` frames; what is sent beyond is refused. REQUIRES: capacity > 0.
  explicit Cable(std::size_t capacity = 1024, std::size_t largest_frame = 9018);
  ~Cable();
  [[nodiscard]] FrameIo& left();
  [[nodiscard]] FrameIo& right();
  // For frames that are sent at the left, or the right; an empty function: nothing happens.
  void on_way_right(Mishap mishap);
  void on_way_left(Mishap mishap);
  // Frames that were held back to be overtaken arrive now.
  void release();

 private:
  class Lane;
  class End;
  std::unique_ptr<Lane> to_right_, to_left_;
  std::unique_ptr<End> left_, right_;
};

}  // namespace weft::dpdk
