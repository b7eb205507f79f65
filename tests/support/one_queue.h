// Flows through one queue and back: sources that obey CongestionControl, a FIFO that marks and stamps, a fixed delay.
// As small as a closed loop can be, so that papers' steady states can be compared.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "tests/support/congestion.h"

namespace weft::packet::testing {

struct OneQueueSetup {
  CongestionParams params;
  std::int64_t gbps = 40;  // of the queue
  Ps delay = 4 * kUs;      // from queue to receiver to source
  std::vector<Ps> starts = {0, 0};
  double kmin = 1e18, kmax = 1e18, pmax = 1;  // RED, bytes, seen on arrival
  std::uint32_t ack_every = 1;
  Ps cnp_interval = 50 * kUs;
};

class OneQueue {
 public:
  explicit OneQueue(const OneQueueSetup& setup) : setup_(setup), flows_(setup.starts.size()) {
    byte_ps_ = 8000.0 / static_cast<double>(setup.gbps);
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      flows_[i].control.start(setup.params, base_rtt());
      push({.at = setup.starts[i], .kind = Kind::kWake, .flow = i});
    }
  }

  [[nodiscard]] Ps base_rtt() const { return setup_.delay + transmit(); }

  // What happened between `from` and `until`.
  struct Record {
    std::vector<double> gbps;  // of each flow
    double utilisation = 0;
    double mean_queue = 0, least_queue = 1e18, most_queue = 0;  // bytes
    double mean_cut = 0;                                        // bytes, of flow 0's window where an ACK lowers it
    std::uint32_t cuts = 0;
    double mean_alpha = 0;  // DCTCP's, of flow 0
  };
  Record run(Ps from, Ps until) {
    while (!events_.empty() && events_.top().at < until) {
      const Event event = events_.top();
      events_.pop();
      observe(std::clamp(now_, from, until), std::clamp(event.at, from, until));
      now_ = event.at;
      if (!recording_ && now_ >= from) {
        recording_ = true;
        for (Flow& flow : flows_) flow.delivered = 0;
      }
      handle(event);
    }
    const auto span = static_cast<double>(until - from);
    for (const Flow& flow : flows_) {
      record_.gbps.push_back(static_cast<double>(flow.delivered) * 8000 / span);
      record_.utilisation += record_.gbps.back() / static_cast<double>(setup_.gbps);
    }
    record_.mean_queue /= span;
    record_.mean_alpha /= span;
    record_.mean_cut /= std::max(record_.cuts, 1U);
    return record_;
  }

  [[nodiscard]] const CongestionControl& control(std::size_t flow) const { return flows_[flow].control; }

 private:
  enum class Kind : std::uint8_t { kWake, kDepart, kAck, kCnp };
  struct Event {
    Ps at = 0;
    Kind kind = Kind::kWake;
    std::size_t flow = 0;
    std::uint64_t order = 0;
    Ps sent = 0;
    bool marked = false, asks = false;
    AckEvent ack{};
    IntHop hop{};
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  struct Flow {
    CongestionControl control;
    std::array<IntHop, kMaxIntHops> hops{};
    std::uint32_t next_psn = 0, acked_psn = 0, received = 0, asked = 0, in_ack = 0, marked_in_ack = 0;
    Ps last_begin = kLongAgo, wake = kNever, last_cnp = kLongAgo;
    std::uint64_t delivered = 0;
  };

  [[nodiscard]] Ps transmit() const { return static_cast<Ps>(byte_ps_ * setup_.params.packet_wire); }

  void push(Event event) {
    event.order = order_++;
    events_.push(event);
  }

  void observe(Ps from, Ps until) {
    if (until <= from) return;
    record_.mean_queue += static_cast<double>(until - from) * queue_;
    record_.least_queue = std::min(record_.least_queue, queue_);
    record_.most_queue = std::max(record_.most_queue, queue_);
    if (setup_.params.transport.congestion_control == weft::CongestionControl::kDctcp) {
      record_.mean_alpha += static_cast<double>(until - from) * flows_[0].control.dctcp().alpha;
    }
  }

  void handle(const Event& event) {
    Flow& flow = flows_[event.flow];
    switch (event.kind) {
      case Kind::kWake:
        if (event.at == flow.wake) flow.wake = kNever;
        break;
      case Kind::kDepart:
        return depart(event);
      case Kind::kAck: {
        AckEvent ack = event.ack;
        ack.next_psn = flow.next_psn;
        ack.hops = {&event.hop, 1};
        flow.acked_psn = ack.acked_psn;
        const std::uint64_t before = flow.control.window();
        flow.control.on_ack(setup_.params, ack, flow.hops);
        if (recording_ && event.flow == 0 && flow.control.window() < before) {
          ++record_.cuts;
          record_.mean_cut += static_cast<double>(before - flow.control.window());
        }
        break;
      }
      case Kind::kCnp:
        flow.control.on_cnp(setup_.params, now_);
        break;
    }
    send(event.flow);
  }

  void send(std::size_t index) {
    Flow& flow = flows_[index];
    const CongestionParams& params = setup_.params;
    while (true) {
      flow.control.advance(params, now_);
      if (full(flow)) return;
      const Ps earliest = flow.last_begin + static_cast<Ps>(flow.control.ps_per_byte() * params.packet_wire);
      if (now_ < earliest) {
        if (earliest < flow.wake) push({.at = flow.wake = earliest, .kind = Kind::kWake, .flow = index});
        return;
      }
      flow.control.on_send(params, now_, params.packet_wire);
      flow.last_begin = now_;
      ++flow.next_psn;
      // An ACK is asked for each ack_every packets, and when the window is full, lest it never come.
      const bool asks = flow.next_psn - flow.asked >= setup_.ack_every || full(flow);
      if (asks) flow.asked = flow.next_psn;
      arrive(index, asks);
    }
  }

  [[nodiscard]] bool full(const Flow& flow) const {
    const std::uint64_t packets = flow.next_psn - flow.acked_psn;
    return packets > 0 && (packets + 1) * setup_.params.packet_payload > flow.control.window();
  }

  void arrive(std::size_t index, bool asks) {
    const double mark = queue_ < setup_.kmin    ? 0
                        : queue_ >= setup_.kmax ? 1
                                                : setup_.pmax * (queue_ - setup_.kmin) / (setup_.kmax - setup_.kmin);
    queue_ += setup_.params.packet_wire;
    last_departure_ = std::max(last_departure_, now_) + transmit();
    const bool marked = std::uniform_real_distribution<>(0, 1)(random_) < mark;
    push({.at = last_departure_, .kind = Kind::kDepart, .flow = index, .sent = now_, .marked = marked, .asks = asks});
  }

  void depart(const Event& event) {
    Flow& flow = flows_[event.flow];
    queue_ -= setup_.params.packet_wire;
    tx_bytes_ += setup_.params.packet_wire;
    flow.delivered += setup_.params.packet_wire;
    ++flow.received;
    ++flow.in_ack;
    flow.marked_in_ack += event.marked ? 1 : 0;
    const Ps back = now_ + setup_.delay;
    if (event.marked && now_ - flow.last_cnp >= setup_.cnp_interval) {
      flow.last_cnp = now_;
      push({.at = back, .kind = Kind::kCnp, .flow = event.flow});
    }
    if (!event.asks) return;
    push({.at = back,
          .kind = Kind::kAck,
          .flow = event.flow,
          .ack = {.now = back,
                  .rtt = back - event.sent,
                  .acked_bytes = flow.in_ack * setup_.params.packet_payload,
                  .packets = flow.in_ack,
                  .marked_packets = flow.marked_in_ack,
                  .acked_psn = flow.received,
                  .hop_count = 1},
          .hop = {.tx_bytes = tx_bytes_,
                  .stamp = now_,
                  .queue_bytes = static_cast<std::uint32_t>(queue_),
                  .bytes_per_ps = static_cast<float>(1 / byte_ps_)}});
    flow.in_ack = flow.marked_in_ack = 0;
  }

  OneQueueSetup setup_;
  std::vector<Flow> flows_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::mt19937 random_{1};
  std::uint64_t order_ = 0, tx_bytes_ = 0;
  double byte_ps_ = 0, queue_ = 0;
  Ps now_ = 0, last_departure_ = 0;
  bool recording_ = false;
  Record record_;
};

}  // namespace weft::packet::testing
