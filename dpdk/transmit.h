// The sender's fast path, of one transmit queue: frames that lie ready in their buffers get PSN, QP, source port,
// address, stamp and ICRC, and go in bursts. The payload is not touched: its length costs nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dpdk/mishaps.h"
#include "dpdk/port.h"
#include "dpdk/reaction.h"
#include "dpdk/stream.h"
#include "dpdk/template_pool.h"
#include "fabric/wire/icrc_words.h"

namespace weft::dpdk {

inline constexpr std::uint32_t kBurst = 32;

// Read by other threads while the sender runs.
struct TransmitCounters {
  std::atomic<std::uint64_t> packets{0}, bytes{0}, messages{0};  // bytes of frames, without FCS
  std::atomic<std::uint64_t> refused{0};                         // times that the port took less than a burst
  std::atomic<std::uint64_t> given_up{0};                        // packets beyond what catching up may send
  std::atomic<std::uint64_t> cnps{0};                            // that QPs reacted to
};

// Sees each frame that goes, before it goes: a capture.
using FrameWatch = std::function<void(std::span<const std::uint8_t>)>;

class Transmitter {
 public:
  struct Options {
    std::uint16_t queue = 0;
    std::uint32_t buffers = 3071;  // of each shape
    MishapSpec mishaps{};
    FrameWatch watch{};
    // Given: QPs react to CNPs, from a line rate in bytes per second.
    std::optional<DcqcnSpec> dcqcn{};
    double line_rate = 12.5e9;
  };
  // QPs `first`, `first + step`, ... of the stream: its share among several queues. The port must outlive it.
  // Errors: no memory, frames that the port does not carry.
  [[nodiscard]] static Expected<std::unique_ptr<Transmitter>> create(const Port& port, const Stream& stream,
                                                                     const Clock& clock, const Options& options,
                                                                     std::uint32_t first = 0, std::uint32_t step = 1);
  Transmitter(const Transmitter&) = delete;
  Transmitter& operator=(const Transmitter&) = delete;
  ~Transmitter();

  void start(std::uint64_t now) { pacer_.start(now); }
  // Sends what is due, one burst at most. Packets that went.
  std::uint32_t step(std::uint64_t now);
  // A CNP came for the QP of this number here; false where it is none of its QPs.
  bool on_cnp(std::uint32_t source_qp, std::uint64_t now);
  // Whether `count` of the stream is reached.
  [[nodiscard]] bool done() const { return left_ == 0 && pending_from_ == pending_.size(); }
  // Sends what it still holds; gives up after `limit`.
  void finish(Duration limit, const Clock& clock);

  [[nodiscard]] const TransmitCounters& counters() const { return counters_; }
  [[nodiscard]] MishapCounts mishap_counts() const { return mishaps_ ? mishaps_->counts() : MishapCounts{}; }

 private:
  // One cache line a QP. Numbers are as they stand on the wire.
  struct alignas(64) Flow {
    std::uint32_t qp_word = 0, index = 0;      // dest QP behind a zero byte; packet of the message that is next
    std::uint32_t psn = 0;                     // host order
    std::uint16_t port = 0, sweep_port = 0;    // source port on the wire; of a sweep in host order
    std::uint64_t address = 0;                 // of the message
    std::array<std::uint32_t, 3> icrc{};       // of each shape, with all changing words zero
    std::array<std::uint32_t, 2> addresses{};  // IPv4 source and destination, where each QP has its own
    std::uint32_t address_sum = 0;             // theirs, for the checksum
  };
  struct ShapePlan {
    Shape shape;
    Pool pool;
    std::unique_ptr<wire::IcrcWords> words, stamp_words;  // what differs by packet, and by burst
    std::uint32_t stamp_icrc = 0;                         // of the burst's stamp
    std::uint32_t wire_size = 0;
    std::uint32_t header_sum = 0;  // IPv4 header without addresses and checksum
    std::array<rte_mbuf*, kBurst> stash{};
    std::uint32_t stashed = 0;
  };

  Transmitter(const Port& port, const Stream& stream, const Clock& clock, const Options& options);
  [[nodiscard]] Expected<void> make_shapes(const Options& options);
  void make_flows(std::uint32_t first, std::uint32_t step);
  [[nodiscard]] rte_mbuf* take(ShapePlan& plan);
  [[nodiscard]] std::uint32_t build(std::uint64_t now, std::uint32_t count);
  [[nodiscard]] std::uint32_t build_one_shape(std::uint64_t now, std::uint32_t count);
  [[nodiscard]] std::uint32_t build_shapes(std::uint64_t now, std::uint32_t count);
  [[nodiscard]] bool find_flow_in_its_turn(std::uint64_t now);
  void store_icrcs(std::uint32_t count);
  void restore_marks(std::uint32_t count);
  std::uint32_t flush();
  void show(std::span<rte_mbuf* const> frames) const;

  // What writing a packet needs, copied out of the members: a store through a byte pointer could change those.
  struct Constants;
  static void write(const Constants& c, Flow& flow, std::uint64_t now, std::uint8_t* frame, std::uint32_t* words);
  static void advance(const Constants& c, Flow& flow, std::uint64_t& messages);
  [[nodiscard]] Constants constants_of(const ShapePlan& plan) const;

  const Port* port_;
  const StreamSpec spec_;
  std::uint16_t queue_;
  std::uint32_t packets_a_message_;
  bool one_shape_, sweep_, many_hosts_;
  std::vector<ShapePlan> plans_;
  std::vector<Flow> flows_;
  std::size_t next_flow_ = 0;
  std::uint32_t first_qp_ = 0, qp_step_ = 1;
  std::optional<DcqcnSpec> dcqcn_;
  std::vector<Reaction> reactions_;  // of each flow, from the first CNP on
  double line_rate_ = 0, seconds_per_tick_ = 0;
  Pacer pacer_;
  std::uint64_t left_;  // packets until `count`
  // The burst that is being built.
  std::array<rte_mbuf*, kBurst> burst_{};
  std::array<std::uint8_t, kBurst> shape_of_{};
  std::array<wire::IcrcWords::Words, kBurst> words_{};
  std::array<std::uint32_t, kBurst> icrcs_{};
  // What goes next: complete frames, from pending_from_ on.
  std::vector<rte_mbuf*> pending_;
  std::size_t pending_from_ = 0;
  std::unique_ptr<Mishaps> mishaps_;
  FrameWatch watch_;
  std::uint64_t messages_ = 0;
  TransmitCounters counters_;
};

}  // namespace weft::dpdk
