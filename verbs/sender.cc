#include "verbs/sender.h"

#include <arpa/inet.h>

#include <bit>
#include <cstring>

#include "verbs/pattern.h"

namespace weft::verbs {
namespace {

ibv_wr_opcode opcode_of(Op op) {
  switch (op) {
    case Op::kWriteImm:
      return IBV_WR_RDMA_WRITE_WITH_IMM;
    case Op::kRead:
      return IBV_WR_RDMA_READ;
    case Op::kSend:
      return IBV_WR_SEND;
    case Op::kAtomicCas:
      return IBV_WR_ATOMIC_CMP_AND_SWP;
    case Op::kAtomicFadd:
      return IBV_WR_ATOMIC_FETCH_AND_ADD;
    case Op::kWrite:
      break;
  }
  return IBV_WR_RDMA_WRITE;
}

}  // namespace

Sender::Sender(Connection& connection, const PairPlan& plan, std::uint64_t size, std::uint32_t moderation,
               std::uint32_t post_list)
    : connection_(connection), plan_(plan), size_(size), moderation_(moderation), queues_(plan.qps) {
  const Layout layout(plan, size);
  slots_ = layout.slots();
  stride_ = layout.stride();
  walks_ = slots_ > 1;
  contents_ = plan.verify || plan.latency || is_atomic(plan.op) || plan.op == Op::kWriteImm;
  stamp_mask_ = std::bit_ceil(std::uint64_t{plan.depth} + 1) - 1;
  for (std::uint64_t i = 0; i < queues_.size(); ++i) {
    queues_[i].wrs.resize(post_list);
    queues_[i].places.resize(post_list);
    queues_[i].stamps.resize(stamp_mask_ + 1);
    prepare(queues_[i], i, layout);
  }
}

void Sender::prepare(SendQueue& queue, std::uint64_t index, const Layout& layout) {
  const auto memory = reinterpret_cast<std::uint64_t>(connection_.memory.data());
  queue.qp = connection_.qps[index];
  queue.local = memory + (plan_.op == Op::kRead ? layout.incoming(index, 0) : layout.outgoing(index, 0));
  queue.remote =
      connection_.peer.address + (plan_.op == Op::kRead ? layout.outgoing(index, 0) : layout.incoming(index, 0));
  for (std::size_t i = 0; i < queue.wrs.size(); ++i) {
    ibv_send_wr& wr = queue.wrs[i];
    queue.places[i] = {queue.local, static_cast<std::uint32_t>(size_), connection_.memory.lkey()};
    wr.opcode = opcode_of(plan_.op);
    wr.sg_list = &queue.places[i];
    wr.num_sge = size_ > 0 ? 1 : 0;
    wr.send_flags = size_ <= connection_.inline_size && size_ > 0 && !fetches(plan_.op) ? IBV_SEND_INLINE : 0;
    if (is_atomic(plan_.op)) {
      wr.wr.atomic.remote_addr = queue.remote;
      wr.wr.atomic.rkey = connection_.peer.rkey;
    } else if (plan_.transport == Transport::kUd) {
      wr.wr.ud.ah = connection_.paths[index].get();
      wr.wr.ud.remote_qpn = connection_.peer.qps[index].number;
      wr.wr.ud.remote_qkey = connection_.peer.qps[index].qkey;
    } else {
      wr.wr.rdma.remote_addr = queue.remote;
      wr.wr.rdma.rkey = connection_.peer.rkey;
    }
    if (plan_.transport == Transport::kXrc) wr.qp_type.xrc.remote_srqn = connection_.peer.qps[index].srq;
    if (i > 0) queue.wrs[i - 1].next = &wr;
  }
}

// What is different in each message: its bytes while they are checked, its immediate, what an atomic compares.
void Sender::set_contents(SendQueue& queue, std::uint64_t message, std::uint32_t i) {
  ibv_send_wr& wr = queue.wrs[i];
  auto* const bytes = reinterpret_cast<std::byte*>(queue.places[i].addr);
  if (is_atomic(plan_.op)) {
    wr.wr.atomic.compare_add = plan_.op == Op::kAtomicCas ? message : 1;
    wr.wr.atomic.swap = message + 1;
    return;
  }
  if (plan_.latency && plan_.op != Op::kRead) {
    if (plan_.verify) fill({bytes, size_ - 1}, message_key(size_, 0, mark_));
    bytes[size_ - 1] = std::byte{mark_};
    wr.imm_data = htonl(mark_);
    return;
  }
  if (plan_.op == Op::kWriteImm) wr.imm_data = htonl(static_cast<std::uint32_t>(message));
  if (!plan_.verify) return;
  if (plan_.op == Op::kRead)
    std::memset(bytes, 0xa5, size_);  // so that what an earlier read left is not taken for this one's
  else
    fill({bytes, size_}, message_key(size_, static_cast<std::uint64_t>(&queue - queues_.data()), message));
}

Expected<void> Sender::post(std::uint64_t index, std::uint32_t count, std::uint64_t now) {
  SendQueue& queue = queues_[index];
  for (std::uint32_t i = 0; i < count; ++i) {
    ibv_send_wr& wr = queue.wrs[i];
    const std::uint64_t message = queue.posted++;
    if (walks_) {
      const std::uint64_t offset = queue.slot * stride_;
      queue.places[i].addr = queue.local + offset;
      if (!is_atomic(plan_.op) && plan_.transport != Transport::kUd) wr.wr.rdma.remote_addr = queue.remote + offset;
      if (++queue.slot == slots_) queue.slot = 0;
    }
    if (contents_) set_contents(queue, message, i);
    if (queue.posted % moderation_ == 0 || queue.posted == queue.limit) {
      wr.send_flags |= IBV_SEND_SIGNALED;
      wr.wr_id = index << 40U | queue.posted;
      queue.stamps[queue.posted & stamp_mask_] = now;
    } else {
      wr.send_flags &= ~static_cast<unsigned>(IBV_SEND_SIGNALED);
    }
  }
  ibv_send_wr& last = queue.wrs[count - 1];
  ibv_send_wr* const next = last.next;
  last.next = nullptr;
  ibv_send_wr* bad = nullptr;
  const int failed = ibv_post_send(queue.qp, queue.wrs.data(), &bad);
  last.next = next;
  if (failed != 0) return refused("cannot post a send", connection_.port.device, failed);
  return {};
}

std::uint64_t Sender::take(const ibv_wc& completion, std::uint64_t& stamp) {
  const std::uint64_t index = queue_of(completion);
  SendQueue& queue = queues_[index];
  const std::uint64_t to = completion.wr_id & ((std::uint64_t{1} << 40U) - 1);
  stamp = queue.stamps[to & stamp_mask_];
  if (plan_.verify && fetches(plan_.op)) check_fetched(queue, index, to);
  const std::uint64_t messages = to - queue.completed;
  queue.completed = to;
  return messages;
}

void Sender::check_fetched(const SendQueue& queue, std::uint64_t index, std::uint64_t to) {
  for (std::uint64_t message = queue.completed; message < to; ++message) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(queue.local + message % slots_ * stride_);
    ++checked_;
    if (plan_.op == Op::kRead) {
      if (!holds({bytes, size_}, message_key(size_, index, message % slots_))) ++corrupt_;
      continue;
    }
    std::uint64_t before = 0;  // the counter as this atomic found it
    std::memcpy(&before, bytes, sizeof before);
    if (before != message) ++corrupt_;
  }
}

}  // namespace weft::verbs
