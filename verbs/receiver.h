// The receiving half: posts receives, counts and checks what comes. Receives outlive one size: each has room for the
// largest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "verbs/arrival_order.h"
#include "verbs/traffic.h"

namespace weft::verbs {

class Receiver {
 public:
  Receiver(Connection& connection, const PairPlan& plan);

  // Posts all receives, once. Errors: kEnvironment.
  [[nodiscard]] Expected<void> post_all();
  // A new size: memory as the peer's messages are to find it, counts from 0.
  void start(std::uint64_t size);
  // Where in memory the message of a completed receive stands, until it is taken.
  [[nodiscard]] std::uint64_t place_of(const ibv_wc& completion) const;
  // A completed receive; its WR is posted again.
  [[nodiscard]] Expected<void> take(const ibv_wc& completion);
  // Sends that a QP of the peer may have under way while every byte is checked.
  [[nodiscard]] std::uint64_t window() const { return window_; }

  // Checks what must stand in memory after messages `from` to `to` of each QP; counts lost and corrupt.
  void check_written(std::uint64_t from, std::uint64_t to);
  // Of the peer's messages so far, by their number; what is missing is lost.
  void count_lost(std::uint64_t sent) { report_.lost = sent > report_.received ? sent - report_.received : 0; }
  // Each QP goes on with this message, whatever was lost before.
  void skip_to(std::uint64_t message) {
    for (ArrivalOrder& order : orders_) order.give_up_before(message);
  }
  [[nodiscard]] bool has_all_written(std::uint64_t from, std::uint64_t to) const;
  // The counters that the peer's atomics left: as many as each QP sent.
  void check_counters(const std::vector<std::uint64_t>& sent);

  [[nodiscard]] SideReport& report() { return report_; }

 private:
  [[nodiscard]] Expected<void> post(std::uint64_t receive);
  void check_received(const ibv_wc& completion, std::uint64_t receive);
  void start_orders();
  [[nodiscard]] bool slot_holds(std::uint64_t qp, std::uint64_t message) const;

  Connection& connection_;
  const PairPlan& plan_;
  Layout largest_;
  std::uint64_t length_;  // B of a receive
  std::uint64_t window_ = 0, receives_each_ = 0;
  std::uint64_t size_ = 0;
  SideReport report_;
  std::uint64_t size_before_ = 0;     // whose last messages may come yet
  std::vector<ArrivalOrder> orders_;  // of each QP
  std::unordered_map<std::uint32_t, std::uint64_t> qp_of_number_;
};

}  // namespace weft::verbs
