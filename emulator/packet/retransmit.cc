// Retransmit timers: what happens where nothing comes back.
#include <ns3/simulator.h>

#include <utility>

#include "emulator/packet/network.h"

namespace weft::packet {

void Network::run_timer(Qp& q, std::uint32_t index, Ps now) {
  if ((q.flags & kQpTimer) != 0) return;
  q.flags |= kQpTimer;
  q.last_progress = now;
  wait_for_timeout(q, index);
}

// Until last_progress + timeout, which each ACK moves.
void Network::wait_for_timeout(Qp& q, std::uint32_t index) {
  const Ps t = now(), runs_out = std::max(q.last_progress + timers_.timeout(), t);
  const Ps slice = timers_.slice_start(runs_out);
  if (slice <= t) {
    ns3::Simulator::ScheduleWithContext(kTimerContext | index, ns3::TimeStep(static_cast<std::uint64_t>(runs_out - t)),
                                        &Network::on_timer, this, index);
    return;
  }
  std::uint32_t& head = timers_.head(slice);
  if (head == kNone)
    ns3::Simulator::ScheduleWithContext(kSliceContext, ns3::TimeStep(static_cast<std::uint64_t>(slice - t)),
                                        &Network::open_timer_slice, this);
  q.next_timer = std::exchange(head, index);
}

void Network::open_timer_slice() {
  for (std::uint32_t index = std::exchange(timers_.head(now()), kNone); index != kNone;)
    look_at_timer(std::exchange(index, qps_[index].next_timer));
}

void Network::look_at_timer(std::uint32_t index) {
  Qp& q = qps_[index];
  const bool idle = q.next_psn == q.first_unacked || (q.flags & (kQpInUse | kQpFailed)) != kQpInUse;
  if (!idle) {
    wait_for_timeout(q, index);
    return;
  }
  q.flags &= static_cast<std::uint16_t>(~kQpTimer);
  give_back(index);
}

void Network::on_timer(std::uint32_t index) {
  Qp& q = qps_[index];
  const Ps t = now();
  if ((q.flags & kQpInUse) != 0) advance_and_schedule(sending_port(q), t);
  // A sender that was told to wait has nothing to fear from silence.
  if ((q.flags & kQpRnrWait) != 0) q.last_progress = t;
  const bool idle = q.next_psn == q.first_unacked || (q.flags & (kQpInUse | kQpFailed)) != kQpInUse;
  if (!idle && q.last_progress + timers_.timeout() <= t) time_out(q, index, t);
  look_at_timer(index);
}

void Network::time_out(Qp& q, std::uint32_t index, Ps now) {
  ++counters_.timeouts;
  if (q.retries++ >= spec_.transport.retry_count) {
    fail(q, index);
    return;
  }
  const std::uint32_t lost = (q.next_psn - q.first_unacked) * mtu_;
  q.next_psn = q.asked = q.first_unacked;
  if (Reorder* reorder = reorder_of(q)) reorder->restart(q.first_unacked);
  q.control.on_loss(params_of(q), {.now = now, .timeout = true, .lost_bytes = lost});
  q.last_progress = now;
  kick(q, index, now);
}

void Network::fail(Qp& q, std::uint32_t index) {
  q.flags |= kQpFailed;
  ++counters_.failed_qps;
  if (listener_ != nullptr) listener_->on_failed(index);
}

}  // namespace weft::packet
