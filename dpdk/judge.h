// The receiver's judgement of frames, of one receive queue: loss, order, copies, ICRC, latency, marks. No DPDK in it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "dpdk/arrival.h"
#include "dpdk/clock.h"
#include "dpdk/flow_table.h"
#include "dpdk/turn.h"
#include "fabric/histogram.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {

struct JudgeOptions {
  std::uint32_t icrc_one_in = 1;  // check of ICRCs: 1 of so many frames; 0: none
  std::uint32_t most_flows = 1U << 20;
  bool reflect = false;                      // find out which frames are to be sent back
  bool round_trips = false;                  // frames that came back are counted by themselves
  unsigned precision_bits = 7;               // of latencies: one part in 128
  bool answer_ce = false;                    // with CNPs, as a NIC does
  Duration cnp_interval = Duration::us(50);  // of one flow, at least: a ConnectX's default
  wire::CnpClass cnp_class{};
  std::int32_t sender_qp_offset =
      0;  // QP that a CNP goes to, from the marked packet's dest QP: it does not name its own
};

// Read by other threads while the receiver runs.
struct JudgeCounters {
  std::atomic<std::uint64_t> packets{0}, bytes{0};  // all frames; without FCS
  std::atomic<std::uint64_t> payload_bytes{0};      // of requests
  std::atomic<std::uint64_t> requests{0}, responses{0}, cnps{0}, foreign{0};
  std::atomic<std::uint64_t> untracked{0};  // requests beyond most_flows
  std::atomic<std::uint64_t> icrc_checked{0}, icrc_bad{0}, marked_ce{0}, cnps_due{0};
  std::atomic<std::uint64_t> lost{0}, duplicates{0}, reordered{0}, depth{0}, too_late{0}, restarts{0};
  std::atomic<std::uint64_t> other_clock{0};  // stamps of another system, no latency
  // Of frames that came back; they are none of the requests.
  std::atomic<std::uint64_t> returned{0}, returned_lost{0}, returned_duplicates{0}, returned_reordered{0},
      returned_marked{0};
};

struct FrameRef {
  const std::uint8_t* data = nullptr;
  std::uint32_t size = 0;
};

// What one flow came to.
struct FlowResult {
  std::uint64_t key = 0;
  PsnCounts counts;
  std::uint64_t marked_ce = 0;
};

class Judge {
 public:
  Judge(const JudgeOptions& options, const Clock& clock);

  // Frames that came together, at `now`. A frame with a wrong ICRC is not looked at further, as a NIC would drop it:
  // its PSN is missing. REQUIRES: frames.size() <= 64.
  void take(std::span<const FrameRef> frames, std::uint64_t now);

  // Of the frames of the last take(): those to be sent back, a bit each, and where things stand in them.
  [[nodiscard]] std::uint64_t to_reflect() const { return to_reflect_; }
  [[nodiscard]] const wire::FrameLayout& layout_of(std::size_t frame) const { return arrivals_[frame].layout; }
  // CNP frames that are to be sent, taken out.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> take_answers() { return std::exchange(answers_, {}); }
  // Dest QPs of CNPs that came, taken out.
  [[nodiscard]] std::vector<std::uint32_t> take_cnps() { return std::exchange(cnp_qps_, {}); }

  [[nodiscard]] const JudgeCounters& counters() const { return counters_; }
  // The latencies so far, asked for by another thread: ready some bursts after the first call, then of that moment.
  void ask_latency() { latency_asked_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] Histogram last_latency() const;

  // After the receiver stopped.
  [[nodiscard]] const Histogram& latency() const { return latency_.histogram; }
  [[nodiscard]] const Histogram& round_trip() const { return round_trip_.histogram; }
  [[nodiscard]] std::uint32_t flows() const { return table_.size(); }
  // The `most` flows with the most to complain of: lost, then reordered, then packets.
  [[nodiscard]] std::vector<FlowResult> worst_flows(std::size_t most) const;

 private:
  [[nodiscard]] bool icrc_is_good(const FrameRef& frame, const Arrival& arrival);
  void track(const FrameRef& frame, const Arrival& arrival, std::uint64_t now);
  struct Latencies;
  void read_stamp(const FrameRef& frame, const Arrival& arrival, std::uint64_t now);
  void take_returned(const Stamp& stamp, const Arrival& arrival, std::uint64_t now);
  void take_stamp(const Stamp& stamp, Latencies& latencies, std::uint64_t now);
  void end_burst(Latencies& latencies, std::uint64_t now);
  void sort_by_stamp(std::size_t index, const FrameRef& frame, std::uint64_t now);
  void answer(const FrameRef& frame, const Arrival& arrival, FlowDetail& detail, std::uint64_t now);
  void record(Histogram& histogram, std::uint64_t elapsed, std::uint64_t times) const;
  void publish(std::size_t frames, std::uint64_t bytes);

  JudgeOptions options_;
  double ns_per_tick_;
  std::uint32_t epoch_;
  std::uint64_t cnp_ticks_;
  std::uint32_t until_check_ = 0;
  std::array<Arrival, 64> arrivals_;
  FlowTable table_;
  struct Latencies {
    Histogram histogram;
    std::uint64_t last_stamp = 0, last_times = 0;  // equal stamps are recorded together
  };
  Latencies latency_, round_trip_;
  PsnCounts sum_, returned_sum_;
  // Totals of this thread; counters_ is what others read.
  std::uint64_t payload_bytes_ = 0, requests_ = 0, responses_ = 0, cnps_ = 0, foreign_ = 0, untracked_ = 0;
  std::uint64_t checked_ = 0, bad_ = 0, marked_ = 0, due_ = 0, other_clock_ = 0;
  std::uint64_t returned_ = 0, returned_marked_ = 0, to_reflect_ = 0;
  std::vector<std::vector<std::uint8_t>> answers_;
  std::vector<std::uint32_t> cnp_qps_;
  JudgeCounters counters_;
  std::atomic<bool> latency_asked_{false};
  mutable std::mutex latency_mutex_;
  Histogram last_latency_;
};

}  // namespace weft::dpdk
