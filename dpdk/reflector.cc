#include "dpdk/reflector.h"

#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace weft::dpdk {
namespace {

constexpr std::uint32_t kBuffers = 4095;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace

Expected<std::unique_ptr<Reflector>> Reflector::create(const Port& port, std::uint16_t queue,
                                                       const ReflectOptions& options, const Clock& clock) {
  static std::atomic<unsigned> made{0};  // a pool's name must be its own in the process
  auto pool = make_empty_pool(fmt::format("weft_back_{}", made++), kBuffers, std::max(port.largest_frame(), 64U));
  if (!pool) return tl::unexpected(pool.error());
  std::unique_ptr<Reflector> reflector(new Reflector(port, queue, clock.to_ticks(options.delay)));
  reflector->pool_ = std::move(*pool);
  return reflector;
}

Reflector::~Reflector() {
  for (const Held& held : held_) rte_pktmbuf_free(held.frame);
  port_->reclaim(queue_);
  // A pool whose buffers a driver still holds is left to the process's end.
  if (!wait_until_full(pool_.get())) static_cast<void>(pool_.release());
}

void Reflector::take(const FrameRef& frame, const wire::FrameLayout& layout, std::uint64_t now) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_.get());
  if (mbuf == nullptr || frame.size > rte_pktmbuf_tailroom(mbuf)) {
    if (mbuf != nullptr) rte_pktmbuf_free(mbuf);
    add(dropped_, 1);
    return;
  }
  auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size)));
  std::memcpy(bytes, frame.data, frame.size);
  turner_.turn({bytes, frame.size}, layout);
  held_.push_back({mbuf, now + delay_});
}

std::uint32_t Reflector::step(std::uint64_t now) {
  std::array<rte_mbuf*, kBurst> burst{};
  std::uint32_t sent = 0;
  while (!held_.empty() && held_.front().due <= now) {
    std::uint16_t count = 0;
    for (; count < kBurst && count < held_.size() && held_[count].due <= now; ++count)
      burst[count] = held_[count].frame;
    const std::uint16_t went = port_->send(queue_, {burst.data(), count});
    held_.erase(held_.begin(), held_.begin() + went);
    sent += went;
    if (went < count) break;  // the port is full: again at the next step
  }
  if (sent > 0) add(reflected_, sent);
  return sent;
}

}  // namespace weft::dpdk
