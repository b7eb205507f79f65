// Sends stamped frames back, of one queue: the far end of a round trip.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "dpdk/judge.h"
#include "dpdk/port.h"
#include "dpdk/template_pool.h"
#include "dpdk/transmit.h"
#include "dpdk/turn.h"

namespace weft::dpdk {

struct ReflectOptions {
  Duration delay{};  // held for so long: what a round trip must then show
};

class Reflector {
 public:
  // The port must outlive it. Errors: no memory.
  [[nodiscard]] static Expected<std::unique_ptr<Reflector>> create(const Port& port, std::uint16_t queue,
                                                                   const ReflectOptions& options, const Clock& clock);
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;
  ~Reflector();

  // Copies the frame, for its buffer may be a sender's template. REQUIRES: find_stamp() finds one in it.
  void take(const FrameRef& frame, const wire::FrameLayout& layout, std::uint64_t now);
  // Sends what is due. Frames that went.
  std::uint32_t step(std::uint64_t now);

  [[nodiscard]] std::uint64_t reflected() const { return reflected_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }  // for want of room

 private:
  Reflector(const Port& port, std::uint16_t queue, std::uint64_t delay) : port_(&port), queue_(queue), delay_(delay) {}
  struct Held {
    rte_mbuf* frame;
    std::uint64_t due;  // ticks
  };

  const Port* port_;
  std::uint16_t queue_;
  std::uint64_t delay_;
  Pool pool_;
  Turner turner_;
  std::deque<Held> held_;
  std::atomic<std::uint64_t> reflected_{0}, dropped_{0};
};

}  // namespace weft::dpdk
