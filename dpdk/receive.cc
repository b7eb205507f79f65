#include "dpdk/receive.h"

#include <rte_mbuf.h>

#include <bit>
#include <utility>

namespace weft::dpdk {

Receiver::Receiver(const Port& port, std::uint16_t queue, const JudgeOptions& options, const Clock& clock,
                   FrameWatch watch)
    : port_(&port), queue_(queue), judge_(options, clock), watch_(std::move(watch)) {}

std::uint32_t Receiver::step() {
  const std::uint16_t count = port_->receive(queue_, burst_);
  if (count == 0) return 0;
  const std::uint64_t now = ticks();
  for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(burst_[i], const void*));
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* mbuf = burst_[i];
    frames_[i] = {rte_pktmbuf_mtod(mbuf, const std::uint8_t*), rte_pktmbuf_data_len(mbuf)};
    if (mbuf->nb_segs == 1) continue;
    auto& whole = joined_.emplace_back(rte_pktmbuf_pkt_len(mbuf));
    rte_pktmbuf_read(mbuf, 0, static_cast<std::uint32_t>(whole.size()), whole.data());
    frames_[i] = {whole.data(), static_cast<std::uint32_t>(whole.size())};
  }
  if (watch_)
    for (std::uint16_t i = 0; i < count; ++i) watch_({frames_[i].data, frames_[i].size});
  judge_.take({frames_.data(), count}, now);
  if (reflector_ != nullptr)
    for (std::uint64_t bits = judge_.to_reflect(); bits != 0; bits &= bits - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(bits));
      reflector_->take(frames_[i], judge_.layout_of(i), now);
    }
  joined_.clear();
  rte_pktmbuf_free_bulk(burst_.data(), count);
  return count;
}

}  // namespace weft::dpdk
