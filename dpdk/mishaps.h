// Faults that a sender makes on purpose, so that a receiver's counts can be checked: exact, by counting packets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"

struct rte_mbuf;

namespace weft::dpdk {

// Every so many packets one meets this; 0: none. Of several that meet the same packet, the first in this order counts.
struct MishapSpec {
  std::uint32_t drop = 0, duplicate = 0, reorder = 0, mark_ce = 0, bad_icrc = 0;
  std::uint32_t reorder_depth = 3;  // packets that overtake a reordered one
  [[nodiscard]] bool any() const { return drop + duplicate + reorder + mark_ce + bad_icrc > 0; }
};

// "drop=1000,reorder=500:8": of each kind every how many, and behind a colon the depth. Errors: unknown word, no
// number.
[[nodiscard]] Expected<MishapSpec> parse_mishaps(std::string_view text);

struct MishapCounts {
  std::uint64_t dropped = 0, duplicated = 0, reordered = 0, marked_ce = 0, bad_icrc = 0;
};

// Of one transmit queue.
class Mishaps {
 public:
  explicit Mishaps(const MishapSpec& spec) : spec_(spec) {}
  Mishaps(const Mishaps&) = delete;
  Mishaps& operator=(const Mishaps&) = delete;
  ~Mishaps();

  // Takes complete frames and appends to `out` those that go now, in their order.
  void apply(rte_mbuf** frames, std::size_t count, std::vector<rte_mbuf*>& out);
  // Appends those that still wait to be overtaken.
  void finish(std::vector<rte_mbuf*>& out);
  [[nodiscard]] const MishapCounts& counts() const { return counts_; }

 private:
  struct Held {
    rte_mbuf* frame;
    std::uint32_t waits_for;  // packets to go first
  };
  void pass(rte_mbuf* frame, std::vector<rte_mbuf*>& out);

  MishapSpec spec_;
  MishapCounts counts_;
  std::uint64_t index_ = 0;
  std::vector<Held> held_;
};

}  // namespace weft::dpdk
