// The sending half: WRs prepared once, and what changes between messages set as they are posted.
#pragma once

#include <cstdint>
#include <vector>

#include "verbs/traffic.h"

namespace weft::verbs {

struct SendQueue {
  ibv_qp* qp = nullptr;
  std::uint64_t posted = 0, completed = 0;
  std::uint64_t limit = 0;  // messages after which it pauses; the last one is signalled
  std::uint64_t slot = 0;
  std::uint64_t local = 0, remote = 0;  // addresses of slot 0
  std::vector<ibv_send_wr> wrs;         // one for each message of a doorbell
  std::vector<ibv_sge> places;
  std::vector<std::uint64_t> stamps;  // ticks at posting, by number of the message
};

class Sender {
 public:
  // `moderation`: sends a completion.
  Sender(Connection& connection, const PairPlan& plan, std::uint64_t size, std::uint32_t moderation,
         std::uint32_t post_list);

  // Posts by one doorbell. REQUIRES: count <= post_list. Errors: kEnvironment.
  [[nodiscard]] Expected<void> post(std::uint64_t queue, std::uint32_t count, std::uint64_t now);
  // A completed send. Returns the messages that it completes; `stamp`: when the last of them was posted.
  std::uint64_t take(const ibv_wc& completion, std::uint64_t& stamp);

  // The last byte of the next messages of a ping-pong, 1 to 255; with --verify it is their key as well.
  void mark(std::uint8_t value) { mark_ = value; }
  [[nodiscard]] static std::uint64_t queue_of(const ibv_wc& completion) { return completion.wr_id >> 40U; }
  [[nodiscard]] std::vector<SendQueue>& queues() { return queues_; }
  [[nodiscard]] std::uint64_t corrupt() const { return corrupt_; }
  [[nodiscard]] std::uint64_t checked() const { return checked_; }

 private:
  void prepare(SendQueue& queue, std::uint64_t index, const Layout& layout);
  void set_contents(SendQueue& queue, std::uint64_t message, std::uint32_t wr);
  void check_fetched(const SendQueue& queue, std::uint64_t index, std::uint64_t to);

  Connection& connection_;
  const PairPlan& plan_;
  std::uint64_t size_, slots_, stride_, stamp_mask_;
  std::uint32_t moderation_;
  std::uint8_t mark_ = 1;
  bool walks_ = false, contents_ = false;
  std::uint64_t corrupt_ = 0, checked_ = 0;
  std::vector<SendQueue> queues_;
};

}  // namespace weft::verbs
