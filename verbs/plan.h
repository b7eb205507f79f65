// What a pair of hosts is asked to do. The caller's plan goes to the listener, who checks it as well.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "verbs/words.h"

namespace weft::verbs {

struct PairPlan {
  bool latency = false;  // else bandwidth
  Op op = Op::kWrite;
  Transport transport = Transport::kRc;
  std::vector<std::uint64_t> sizes{65536};  // B
  std::uint64_t iterations = 0;             // messages of a QP at each size; 0: by `duration_ms`
  std::uint64_t duration_ms = 0;            // of each size; both 0: until stopped
  std::uint64_t warm_up = 0;                // messages of a QP before the clock runs
  std::uint32_t qps = 1;
  std::uint32_t depth = 128;        // sends under way on a QP
  std::uint32_t receives = 512;     // posted on a QP, or on the SRQ
  std::uint32_t cq_moderation = 0;  // sends a completion; 0: 100, above 8 KiB 1, as perftest
  std::uint32_t post_list = 1;      // sends a doorbell
  std::uint32_t inline_size = 0;    // B; messages up to it go inline
  std::uint32_t reads = 0;          // reads and atomics under way on a QP; 0: what both devices have
  std::uint32_t mtu = 0;            // B; 0: the smaller of both ports
  std::uint32_t flow_label = 0;     // of the first QP, the next ones count up; 0: the device's own choice
  std::uint32_t service_level = 0;
  std::uint32_t traffic_class = 0;
  std::uint64_t rate_limit = 0;  // bits/s of each sending host; 0: none
  bool bidirectional = false;
  bool srq = false;
  bool events = false;  // sleep until a completion comes, else poll
  bool verify = false;  // every byte
  bool rdma_cm = false;
};

// Errors: kInput: what contradicts itself or no device can do.
[[nodiscard]] Expected<void> check(const PairPlan& plan);

[[nodiscard]] nlohmann::ordered_json to_json(const PairPlan& plan);
// From a peer, so not trusted: checked. Errors: kInput.
[[nodiscard]] Expected<PairPlan> plan_from_json(const nlohmann::ordered_json& json);

// "4K", "2,4K,1M", "2:1M" (doubling), "2:1M:x4" (by that factor); K, M, G binary as perftest's. Errors: kInput.
[[nodiscard]] Expected<std::vector<std::uint64_t>> parse_sizes(const std::string& text);
// Cuts sizes above the largest message; each cut is a note.
void cut_sizes(std::vector<std::uint64_t>& sizes, std::uint64_t largest, const std::string& why,
               std::vector<std::string>& notes);

// Sends a completion at this size.
[[nodiscard]] std::uint32_t moderation(const PairPlan& plan, std::uint64_t size);

// Where messages of one size stand: per QP a ring of slots to send from and one to receive in, both sides alike.
class Layout {
 public:
  Layout(const PairPlan& plan, std::uint64_t size);

  [[nodiscard]] std::uint64_t slots() const { return slots_; }
  [[nodiscard]] std::uint64_t stride() const { return stride_; }
  [[nodiscard]] std::uint64_t outgoing(std::uint64_t qp, std::uint64_t message) const {
    return qp * ring_ + message % slots_ * stride_;
  }
  [[nodiscard]] std::uint64_t incoming(std::uint64_t qp, std::uint64_t message) const {
    return area_ + qp * ring_ + message % slots_ * stride_;
  }
  [[nodiscard]] std::uint64_t bytes() const { return 2 * area_; }

 private:
  std::uint64_t stride_, slots_, ring_, area_;
};

constexpr std::uint64_t kGrhSize = 40;                             // before each message that UD receives
constexpr std::uint64_t kLargestMemory = std::uint64_t{8} << 30;   // B, of both areas
constexpr std::uint64_t kLargestMessage = std::uint64_t{1} << 31;  // B, IBTA 9.4

}  // namespace weft::verbs
