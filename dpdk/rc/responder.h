// The responding half of an RC QP in user space: takes requests in order, answers with ACK, NAK, RNR NAK, read
// responses and atomic ACKs, and touches only memory that was registered. IBTA volume 1, sections 9.7.4 and 9.7.5.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dpdk/rc/settings.h"

namespace weft::dpdk::rc {

struct Region {
  std::uint32_t rkey = 0;
  std::uint64_t address = 0;  // as the peer names its first byte
  std::span<std::uint8_t> memory;
};

struct Received {
  std::uint64_t id = 0;    // of the receive that was consumed
  std::uint64_t size = 0;  // B; of a write with immediate data: 0
  bool has_immediate = false;
  std::uint32_t immediate = 0;
};

struct ResponderCounts {
  std::uint64_t requests = 0, duplicates = 0, out_of_order = 0, acks = 0;
  std::uint64_t sequence_naks = 0, rnr_naks = 0, access_naks = 0, invalid_naks = 0;
};

class Responder {
 public:
  explicit Responder(const Settings& settings);

  void add_region(const Region& region) { regions_.push_back(region); }
  void post_receive(std::uint64_t id, std::span<std::uint8_t> buffer) { receives_.push_back({id, buffer}); }
  // A request with a right ICRC for this QP. Anything else is ignored.
  void take(const wire::ParsedFrame& frame);
  // Sends answers, at most `budget` packets.
  void pump(const Sink& sink, unsigned budget);

  // What filled receives, in order; the caller takes them out.
  [[nodiscard]] std::deque<Received>& received() { return received_; }
  [[nodiscard]] bool idle() const { return answers_.empty(); }
  // After a NAK that ends the connection.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const ResponderCounts& counts() const { return counts_; }

 private:
  struct Receive {
    std::uint64_t id;
    std::span<std::uint8_t> buffer;
  };
  // An ACK, a NAK, an atomic ACK, or a read of which some responses are still to go.
  struct Answer {
    Psn psn = 0;
    wire::Aeth aeth;
    bool atomic = false, read = false;
    std::uint64_t original = 0;
    std::span<const std::uint8_t> rest;  // of the read
    bool begun = false;
  };
  struct AtomicResult {
    Psn psn = 0;
    std::uint64_t original = 0;
    bool valid = false;
  };

  void take_new(const wire::ParsedFrame& frame, Psn psn);
  void take_duplicate(const wire::ParsedFrame& frame, Psn psn);
  [[nodiscard]] bool takes_turn(const wire::OpcodeInfo& info, bool send) const;
  void take_send(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info);
  void take_write(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info);
  void take_read(const wire::Reth& reth, Psn psn);
  void take_atomic(const wire::ParsedFrame& frame, Psn psn);
  void finish_packet(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info);
  void complete_receive(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info, std::uint64_t size);
  // Empty where the peer may not touch it; `ok` tells an empty range from a refusal.
  [[nodiscard]] std::span<std::uint8_t> memory(std::uint32_t rkey, std::uint64_t address, std::uint64_t size,
                                               bool& ok) const;
  void acknowledge(Psn psn);
  void refuse(wire::NakCode code);
  void not_ready();
  bool send_answer(Answer& answer, const Sink& sink);

  Settings settings_;
  std::vector<Region> regions_;
  std::deque<Receive> receives_;
  std::deque<Received> received_;
  std::deque<Answer> answers_;
  std::array<AtomicResult, 16> atomics_{};
  std::size_t next_atomic_ = 0;
  Psn expected_;
  std::uint32_t messages_ = 0;  // MSN
  bool nak_sent_ = false, failed_ = false;
  wire::NakCode fatal_ = wire::NakCode::kInvalidRequest;  // of a connection that has failed
  // The message that is under way.
  bool in_send_ = false, in_write_ = false;
  std::span<std::uint8_t> target_;  // of the write, or the receive buffer
  std::uint64_t filled_ = 0;
  ResponderCounts counts_;
};

}  // namespace weft::dpdk::rc
