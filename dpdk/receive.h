// One receive queue: takes bursts from the port and has them judged.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dpdk/judge.h"
#include "dpdk/port.h"
#include "dpdk/reflector.h"
#include "dpdk/transmit.h"

namespace weft::dpdk {

class Receiver {
 public:
  // The port must outlive it. `watch` sees each frame that came.
  Receiver(const Port& port, std::uint16_t queue, const JudgeOptions& options, const Clock& clock,
           FrameWatch watch = {});

  // Stamped frames go back by it. It must outlive the receiver's last step().
  void reflect_by(Reflector& reflector) { reflector_ = &reflector; }
  // Takes one burst. Frames that came.
  std::uint32_t step();

  [[nodiscard]] Judge& judge() { return judge_; }
  [[nodiscard]] const Judge& judge() const { return judge_; }

 private:
  const Port* port_;
  std::uint16_t queue_;
  Judge judge_;
  FrameWatch watch_;
  Reflector* reflector_ = nullptr;
  std::array<rte_mbuf*, kBurst> burst_{};
  std::array<FrameRef, kBurst> frames_{};
  std::vector<std::vector<std::uint8_t>> joined_;  // frames that came in several buffers
};

}  // namespace weft::dpdk
