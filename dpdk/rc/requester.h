// The requesting half of an RC QP in user space: sends messages, takes ACKs, NAKs and read responses, and sends again
// from where something is missing (go-back-N). IBTA volume 1, sections 9.7.5 to 9.7.7. Time is passed in; no I/O of its
// own.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "dpdk/rc/settings.h"

namespace weft::dpdk::rc {

enum class Op : std::uint8_t { kSend, kSendImm, kWrite, kWriteImm, kRead, kCompareSwap, kFetchAdd };

struct Work {
  std::uint64_t id = 0;
  Op op = Op::kSend;
  std::span<std::uint8_t> local;  // bytes to send, or where those that are read go (8 for atomics); outlives the work
  std::uint64_t remote_address = 0;
  std::uint32_t rkey = 0;
  std::uint32_t immediate = 0;
  std::uint64_t compare = 0, swap_or_add = 0;
};

enum class Status : std::uint8_t {
  kSuccess,
  kRetriesExceeded,     // the peer does not answer, or always that it misses the same packet
  kRnrRetriesExceeded,  // it answers, but posts no receives
  kRemoteInvalid,       // NAK: invalid request
  kRemoteAccess,        // NAK: remote access error
  kRemoteOperation,     // NAK: remote operational error
  kBadResponse,         // a response that fits no request
  kFlushed,             // behind a work that failed
};
[[nodiscard]] std::string_view to_text(Status status);

struct Completion {
  std::uint64_t id = 0;
  Op op = Op::kSend;
  Status status = Status::kSuccess;
  std::uint64_t size = 0;  // B
};

struct RequesterCounts {
  std::uint64_t packets = 0, resent = 0;  // sent in all, and of these for not the first time
  std::uint64_t acks = 0, sequence_naks = 0, rnr_naks = 0, timeouts = 0, implied_naks = 0;
};

class Requester {
 public:
  explicit Requester(const Settings& settings);

  // REQUIRES: at most 2 GiB; 8 bytes for atomics.
  void post(const Work& work);
  // Sends what may go now, at most `budget` packets, and looks at the timers.
  void pump(Duration now, const Sink& sink, unsigned budget);
  // An answer with a right ICRC for this QP: ACK, atomic ACK or read response. Anything else is ignored.
  void take(const wire::ParsedFrame& frame, Duration now);

  // Completions in the order of posting; the caller takes them out.
  [[nodiscard]] std::deque<Completion>& completions() { return completions_; }
  [[nodiscard]] bool idle() const { return works_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const RequesterCounts& counts() const { return counts_; }
  // When pump() has something to do even if no frame comes; far away where nothing is under way.
  [[nodiscard]] Duration next_event() const;

 private:
  // A work with its place in the PSNs. A read has those of its responses.
  struct Placed {
    Work work;
    Psn first = 0;
    std::uint64_t packets = 1;
    std::uint64_t fetched = 0;  // responses taken, of reads and atomics
    [[nodiscard]] Psn end() const { return first + packets; }
    [[nodiscard]] bool fetches() const { return work.op >= Op::kRead; }
  };

  [[nodiscard]] Placed* at(Psn psn);
  [[nodiscard]] bool may_send(const Placed& placed) const;
  [[nodiscard]] std::uint64_t fetches_under_way() const;
  bool send_one(Placed& placed, const Sink& sink);
  [[nodiscard]] std::vector<std::uint8_t> packet(const Placed& placed, Psn psn) const;
  // All before `psn` has arrived. Stops at a fetch whose responses have not: returns false.
  bool acknowledge(Psn psn, Duration now);
  void take_ack(const wire::Aeth& aeth, Psn psn, Duration now);
  void take_response(const wire::ParsedFrame& frame, Psn psn, Duration now);
  void take_implied_nak();
  void go_back(Psn psn);
  void retire();
  void progressed(Duration now);
  void fail(Psn psn, Status status);

  Settings settings_;
  std::deque<Placed> works_;
  std::deque<Completion> completions_;
  Psn unacknowledged_, next_, never_sent_, end_;  // next_: to send now; never_sent_: beyond all that went
  Duration deadline_{}, rnr_until_{};
  bool timing_ = false, waiting_ = false, failed_ = false, heeded_implied_nak_ = false;
  std::uint8_t retries_left_, rnr_retries_left_;
  RequesterCounts counts_;
};

}  // namespace weft::dpdk::rc
