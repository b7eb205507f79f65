#include "verbs/receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "verbs/pattern.h"

namespace weft::verbs {
namespace {

std::uint64_t largest_of(const PairPlan& plan) { return *std::max_element(plan.sizes.begin(), plan.sizes.end()); }

}  // namespace

Receiver::Receiver(Connection& connection, const PairPlan& plan)
    : connection_(connection), plan_(plan), largest_(plan, largest_of(plan)) {
  length_ = largest_of(plan) + (plan.transport == Transport::kUd ? kGrhSize : 0);
  receives_each_ = takes_receives(plan.op) ? (plan.srq ? (plan.receives + plan.qps - 1) / plan.qps : plan.receives) : 0;
  // While bytes are checked each receive has a slot of its own.
  if (plan.verify) receives_each_ = std::min(receives_each_, largest_.slots());
  window_ = takes_receives(plan.op) ? std::min(largest_.slots(), receives_each_) : largest_.slots();
  start_orders();
  for (std::size_t i = 0; i < connection.qps.size(); ++i) qp_of_number_[connection.qps[i]->qp_num] = i;
}

void Receiver::start_orders() { orders_.assign(plan_.qps, ArrivalOrder(is_reliable(plan_.transport) ? 0 : window_)); }

Expected<void> Receiver::post_all() {
  if (plan_.transport == Transport::kXrc && connection_.srq == nullptr) return {};  // the side that sends
  for (std::uint64_t i = 0; i < receives_each_; ++i)
    for (std::uint64_t qp = 0; qp < plan_.qps; ++qp)
      if (auto done = post(qp * receives_each_ + i); !done) return done;
  return {};
}

Expected<void> Receiver::post(std::uint64_t receive) {
  const std::uint64_t qp = receive / receives_each_;
  ibv_sge place{};
  place.addr =
      reinterpret_cast<std::uint64_t>(connection_.memory.data()) + largest_.incoming(qp, receive % receives_each_);
  place.length = static_cast<std::uint32_t>(length_);
  place.lkey = connection_.memory.lkey();
  ibv_recv_wr wanted{};
  wanted.wr_id = kReceiveBit | receive;
  if (plan_.op == Op::kSend && length_ > 0) {
    wanted.sg_list = &place;
    wanted.num_sge = 1;
  }
  ibv_recv_wr* bad = nullptr;
  const int failed = connection_.srq != nullptr ? ibv_post_srq_recv(connection_.srq.get(), &wanted, &bad)
                                                : ibv_post_recv(connection_.qps[qp], &wanted, &bad);
  if (failed != 0) return refused("cannot post a receive", connection_.port.device, failed);
  return {};
}

void Receiver::start(std::uint64_t size) {
  size_before_ = size_;
  size_ = size;
  report_ = {};
  start_orders();
  const Layout layout(plan_, size);
  std::byte* const memory = connection_.memory.data();
  // What the peer's reads and atomics find here, and where its writes go.
  for (std::uint64_t qp = 0; qp < plan_.qps; ++qp) {
    if (is_atomic(plan_.op)) std::memset(memory + layout.incoming(qp, 0), 0, 8);
    if (plan_.latency && !fetches(plan_.op)) memory[layout.incoming(qp, 0) + size - 1] = std::byte{0};  // no mark
    if (!plan_.verify) continue;
    for (std::uint64_t slot = 0; slot < layout.slots(); ++slot) {
      if (plan_.op == Op::kRead) fill({memory + layout.outgoing(qp, slot), size}, message_key(size, qp, slot));
      if (!fetches(plan_.op) && !takes_receives(plan_.op)) std::memset(memory + layout.incoming(qp, slot), 0, size);
    }
  }
}

std::uint64_t Receiver::place_of(const ibv_wc& completion) const {
  const std::uint64_t receive = completion.wr_id & ~kReceiveBit;
  return largest_.incoming(receive / receives_each_, receive % receives_each_) +
         (plan_.transport == Transport::kUd ? kGrhSize : 0);
}

Expected<void> Receiver::take(const ibv_wc& completion) {
  const std::uint64_t receive = completion.wr_id & ~kReceiveBit;
  ++report_.received;
  if (plan_.verify && !plan_.latency) check_received(completion, receive);
  return post(receive);
}

void Receiver::check_received(const ibv_wc& completion, std::uint64_t receive) {
  const std::uint64_t qp = connection_.srq != nullptr ? qp_of_number_[completion.qp_num] : receive / receives_each_;
  const bool immediate =
      plan_.op == Op::kWriteImm;  // the message's number came along; bytes are checked with its round
  const std::uint64_t grh = plan_.transport == Transport::kUd ? kGrhSize : 0;
  if (!immediate && !is_reliable(plan_.transport) && completion.byte_len == size_before_ + grh &&
      size_before_ != size_) {
    --report_.received;  // of the size before, where it was counted as lost
    return;
  }
  const std::span<std::byte> bytes(connection_.memory.data() + place_of(completion), immediate ? 0 : size_);
  const bool whole = completion.byte_len == size_ + grh;
  const Arrival arrival = orders_[qp].take([&](std::uint64_t message) {
    return immediate ? static_cast<std::uint32_t>(message) == ntohl(completion.imm_data)
                     : whole && holds(bytes, message_key(size_, qp, message));
  });
  if (!immediate) ++report_.checked;
  if (arrival == Arrival::kWrong) ++report_.corrupt;
  if (arrival == Arrival::kLate || arrival == Arrival::kFound) ++report_.reordered;
  if (arrival == Arrival::kFound && report_.lost > 0) --report_.lost;
  // A receive that completes and brings nothing must not show the message that it brought last.
  const std::uint64_t spoilt = ~std::uint64_t{0};
  if (!bytes.empty()) std::memcpy(bytes.data(), &spoilt, std::min(bytes.size(), sizeof spoilt));
}

bool Receiver::slot_holds(std::uint64_t qp, std::uint64_t message) const {
  const Layout layout(plan_, size_);
  return holds({connection_.memory.data() + layout.incoming(qp, message), size_}, message_key(size_, qp, message));
}

bool Receiver::has_all_written(std::uint64_t from, std::uint64_t to) const {
  for (std::uint64_t qp = 0; qp < plan_.qps; ++qp)
    for (std::uint64_t message = from; message < to; ++message)
      if (!slot_holds(qp, message)) return false;
  return true;
}

void Receiver::check_written(std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t qp = 0; qp < plan_.qps; ++qp)
    for (std::uint64_t message = from; message < to; ++message) {
      ++report_.checked;
      if (slot_holds(qp, message)) continue;
      // UC loses messages, whole or in part; only an immediate would say that this one arrived.
      if (is_reliable(plan_.transport))
        ++report_.corrupt;
      else if (plan_.op == Op::kWrite)
        ++report_.lost;
      else if (orders_[qp].has(message))
        ++report_.corrupt;
    }
}

void Receiver::check_counters(const std::vector<std::uint64_t>& sent) {
  const Layout layout(plan_, size_);
  for (std::uint64_t qp = 0; qp < std::min<std::uint64_t>(plan_.qps, sent.size()); ++qp) {
    std::uint64_t value = 0;
    std::memcpy(&value, connection_.memory.data() + layout.incoming(qp, 0), sizeof value);
    ++report_.checked;
    if (value != sent[qp]) ++report_.corrupt;
  }
}

}  // namespace weft::verbs
