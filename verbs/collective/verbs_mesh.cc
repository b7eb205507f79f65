#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>

#include "verbs/collective/cm_links.h"
#include "verbs/collective/join.h"
#include "verbs/port.h"
#include "verbs/queue_pair.h"
#include "verbs/traffic.h"

namespace weft::verbs {
namespace {

constexpr std::uint32_t kDepth = 64;                         // messages under way on a QP, each way
constexpr std::uint64_t kLargestSegment = 1U << 20U;         // B
constexpr std::uint64_t kArrived = std::uint64_t{1} << 63U;  // in wr_id, whose low bits are the rank
constexpr std::uint64_t kCredit = std::uint64_t{1} << 62U;
constexpr std::size_t kLine = 64;              // B, of a cache: a rank's credit has one
constexpr std::chrono::seconds kPatience{15};  // without any completion
// Polled after the last completion, then slept: ranks that share a processor let each other work. Chosen: some round
// trips of a NIC (5 us), and about what waking up costs.
constexpr std::chrono::microseconds kSpin{50};
constexpr std::chrono::microseconds kDoze{20};

struct Segment {
  std::byte* place;
  std::uint32_t length;
};

struct Peer {
  QueuePair own;                             // where rdma_cm has none
  ibv_qp* qp = nullptr;                      // of either
  std::deque<Segment> to_send, to_receive;   // not posted yet
  std::uint32_t sending = 0, receiving = 0;  // posted
  // Receives posted so far; the last count that the peer was told, by a write to its memory; whether one is under way.
  std::uint64_t posted = 0, told = 0;
  bool telling = false;
  std::uint64_t sent = 0;  // messages, never more than the peer has posted receives: iWARP would end the connection
  std::uint64_t credits_there = 0;  // address of the peer's count of our receives
  std::uint32_t rkey = 0;
  [[nodiscard]] bool idle() const { return to_send.empty() && to_receive.empty() && sending == 0 && receiving == 0; }
};

// A rank writes how many receives it has posted to each peer's memory, which never sends more: no RNR, which iWARP
// does not know and RoCE waits for. Memory begins with a line for each rank's count, then one for each of our own.
class VerbsMesh final : public JoinedMesh {
 public:
  VerbsMesh(PeerControls controls, Port port, std::uint32_t rank, std::size_t bytes, const std::atomic<bool>& stop)
      : controls_(std::move(controls)), port_(std::move(port)), rank_(rank), bytes_(bytes), stop_(stop) {}

  Expected<void> connect() override {
    if (auto made = make(); !made) return made;
    const auto theirs = trade_offers(controls_, offers());
    if (!theirs) return tl::unexpected(theirs.error());
    if (auto connected = connect_to(*theirs); !connected) return connected;
    return meet();
  }

  [[nodiscard]] std::span<std::byte> memory() override {
    return std::span(memory_.data(), memory_.size()).subspan(2 * credits_ * kLine);
  }

  Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) override {
    for (const Receive& r : receives) cut(peers_.at(r.peer).to_receive, r.bytes.data(), r.bytes.size());
    for (const Send& s : sends) cut(peers_.at(s.peer).to_send, const_cast<std::byte*>(s.bytes.data()), s.bytes.size());
    auto last = std::chrono::steady_clock::now();
    while (true) {
      bool idle = true, moved = false;
      for (auto& [rank, peer] : peers_) {
        const std::uint64_t before = peer.sent;
        if (auto posted = post(rank, peer); !posted) return posted;
        moved = moved || peer.sent != before;
        idle = idle && peer.idle();
      }
      if (idle) return {};
      const auto done = reap();
      if (!done) return tl::unexpected(done.error());
      if (*done > 0 || moved) {
        last = std::chrono::steady_clock::now();
        continue;
      }
      if (stop_) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
      if (std::chrono::steady_clock::now() - last > kPatience) return silent();
      if (std::chrono::steady_clock::now() - last > kSpin)
        if (auto rested = rest(); !rested) return rested;
    }
  }

  void leave() override { static_cast<void>(meet()); }

 private:
  Expected<void> make() {
    ibv_context* context = port_.context.get();
    if (port_.iwarp) {
      const auto found = cm_context(port_.device);
      if (!found) return tl::unexpected(found.error());
      context = *found;
      if (auto done = links_.listen(context, controls_.begin()->second.local_address()); !done) return done;
    }
    pd_.reset(ibv_alloc_pd(context));
    if (pd_ == nullptr) return refused("cannot allocate a protection domain", port_.device, errno);
    channel_.reset(ibv_create_comp_channel(context));
    if (channel_ == nullptr) return refused("cannot create a completion channel", port_.device, errno);
    const int entries = static_cast<int>(controls_.size()) * 2 * static_cast<int>(kDepth) + 16;
    cq_.reset(ibv_create_cq(context, std::min(entries, port_.limits.max_cqe), nullptr, channel_.get(), 0));
    if (cq_ == nullptr) return refused("cannot create a CQ", fmt::format("{} entries", entries), errno);
    sleeper_.emplace(cq_.get(), channel_.get(), -1);
    credits_ = controls_.rbegin()->first + 1;
    auto memory =
        Memory::registered(pd_.get(), 2 * credits_ * kLine + bytes_, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
    if (!memory) return tl::unexpected(memory.error());
    memory_ = std::move(*memory);
    for (const auto& [rank, control] : controls_) {
      Peer& peer = peers_[rank];
      if (port_.iwarp) continue;
      QpShape shape;
      shape.cq = cq_.get();
      shape.sends = kDepth + 1;  // and a credit
      shape.receives = kDepth;
      auto qp = QueuePair::created(pd_.get(), shape);
      if (!qp) return tl::unexpected(qp.error());
      if (auto done = qp->to_init(port_); !done) return done;
      peer.own = std::move(*qp);
      peer.qp = peer.own.get();
    }
    return {};
  }

  [[nodiscard]] Expected<void> meet() {
    PeerOffers nothing;
    for (const auto& [rank, control] : controls_) nothing[rank] = nlohmann::ordered_json::object();
    if (auto all = trade_offers(controls_, nothing); !all) return tl::unexpected(all.error());
    return {};
  }

  [[nodiscard]] PeerOffers offers() const {
    PeerOffers all;
    for (const auto& [rank, peer] : peers_) {
      Offer offer;
      offer.device = port_.device;
      offer.gid = port_.gid;
      offer.lid = port_.state.lid;
      offer.mtu = mtu_bytes(port_.state.active_mtu);
      offer.largest_message = port_.state.max_msg_sz;
      offer.cm_port = links_.port();
      offer.address = reinterpret_cast<std::uint64_t>(memory_.data() + rank * kLine);
      offer.length = kLine;
      offer.rkey = memory_.rkey();
      if (peer.qp != nullptr) offer.qps.push_back(peer.own.address());
      all[rank] = to_json(offer);
    }
    return all;
  }

  Expected<void> connect_to(const PeerOffers& offers) {
    std::map<std::uint32_t, CmLinks::Place> places;
    for (auto& [rank, peer] : peers_) {
      const auto offer = offer_from_json(offers.at(rank));
      if (!offer) return tl::unexpected(offer.error());
      if (port_.iwarp != (offer->cm_port != 0))
        return environment_error(
            fmt::format("rank {} has iWARP, rank {} has not", port_.iwarp ? rank_ : rank, port_.iwarp ? rank : rank_),
            fmt::format("{}, {}", port_.device, offer->device), "one kind of device on all hosts");
      segment_ = std::min(
          {segment_, std::uint64_t{port_.state.max_msg_sz}, std::max<std::uint64_t>(offer->largest_message, 4096)});
      peer.credits_there = offer->address;
      peer.rkey = offer->rkey;
      if (port_.iwarp) {
        places[rank] = {controls_.at(rank).peer_address(), offer->cm_port};
        continue;
      }
      if (offer->qps.size() != 1) return input_error(fmt::format("rank {} offers no QP", rank));
      PathSettings path;
      path.mtu = std::min(mtu_bytes(port_.state.active_mtu), offer->mtu);
      if (auto done = peer.own.to_rtr(port_, *offer, offer->qps.front(), path); !done) return done;
      if (auto done = peer.own.to_rts(path); !done) return done;
    }
    return port_.iwarp ? connect_by_cm(places) : Expected<void>();
  }

  void cut(std::deque<Segment>& into, std::byte* place, std::size_t length) const {
    for (; length > 0;) {
      const std::size_t part = std::min<std::size_t>(length, segment_);
      into.push_back({place, static_cast<std::uint32_t>(part)});
      place += part;
      length -= part;
    }
  }

  Expected<void> connect_by_cm(const std::map<std::uint32_t, CmLinks::Place>& places) {
    ibv_qp_init_attr shape{};
    shape.send_cq = shape.recv_cq = cq_.get();
    shape.qp_type = IBV_QPT_RC;
    shape.cap = {kDepth + 1, kDepth, 1, 1, 0};
    if (auto done = links_.connect(rank_, places, pd_.get(), shape, stop_); !done) return done;
    for (auto& [rank, peer] : peers_) peer.qp = links_.qp(rank);
    return {};
  }

  // A credit makes no completion, so it is looked for now and then; anything else wakes.
  Expected<void> rest() {
    for (const auto& [rank, peer] : peers_)
      if (!peer.to_send.empty() && peer.sending < kDepth) {
        std::this_thread::sleep_for(kDoze);
        return {};
      }
    return sleeper_->nap();
  }

  [[nodiscard]] std::atomic_ref<std::uint64_t> count_at(std::size_t line) const {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(memory_.data() + line * kLine));
  }

  Expected<void> post(std::uint32_t rank, Peer& peer) {
    while (!peer.to_receive.empty() && peer.receiving < kDepth) {
      ibv_sge piece = sge(peer.to_receive.front());
      ibv_recv_wr wanted{}, *bad = nullptr;
      wanted.wr_id = rank | kArrived;
      wanted.sg_list = &piece;
      wanted.num_sge = 1;
      if (const int failed = ibv_post_recv(peer.qp, &wanted, &bad); failed != 0)
        return refused("cannot post a receive", fmt::format("from rank {}", rank), failed);
      peer.to_receive.pop_front();
      ++peer.receiving;
      ++peer.posted;
    }
    if (peer.posted != peer.told && !peer.telling)
      if (auto told = tell_credit(rank, peer); !told) return told;
    const std::uint64_t credit = count_at(rank).load(std::memory_order_acquire);
    for (; !peer.to_send.empty() && peer.sending < kDepth && peer.sent < credit; ++peer.sent) {
      ibv_send_wr wanted{};
      wanted.wr_id = rank;
      wanted.opcode = IBV_WR_SEND;
      if (auto posted = post_send(rank, peer, wanted, peer.to_send.front()); !posted) return posted;
      peer.to_send.pop_front();
      ++peer.sending;
    }
    return {};
  }

  // The count may grow while the write is under way: then it tells of receives that are posted as well.
  Expected<void> tell_credit(std::uint32_t rank, Peer& peer) {
    count_at(credits_ + rank).store(peer.posted, std::memory_order_release);
    ibv_send_wr wanted{};
    wanted.wr_id = rank | kCredit;
    wanted.opcode = IBV_WR_RDMA_WRITE;
    wanted.wr.rdma.remote_addr = peer.credits_there;
    wanted.wr.rdma.rkey = peer.rkey;
    peer.told = peer.posted;
    peer.telling = true;
    return post_send(rank, peer, wanted, {memory_.data() + (credits_ + rank) * kLine, sizeof(std::uint64_t)});
  }

  Expected<void> post_send(std::uint32_t rank, const Peer& peer, ibv_send_wr& wanted, const Segment& segment) {
    ibv_sge piece = sge(segment);
    ibv_send_wr* bad = nullptr;
    wanted.sg_list = &piece;
    wanted.num_sge = 1;
    wanted.send_flags = IBV_SEND_SIGNALED;
    if (const int failed = ibv_post_send(peer.qp, &wanted, &bad); failed != 0)
      return refused("cannot post a send", fmt::format("to rank {}", rank), failed);
    return {};
  }

  [[nodiscard]] ibv_sge sge(const Segment& segment) const {
    return {reinterpret_cast<std::uint64_t>(segment.place), segment.length, memory_.lkey()};
  }

  Expected<int> reap() {
    ibv_wc completions[32];
    const int count = ibv_poll_cq(cq_.get(), 32, completions);
    if (count < 0) return environment_error("the completion queue cannot be polled", port_.device);
    for (int i = 0; i < count; ++i) {
      const bool arrived = (completions[i].wr_id & kArrived) != 0;
      const auto rank = static_cast<std::uint32_t>(completions[i].wr_id);
      if (completions[i].status != IBV_WC_SUCCESS)
        return environment_error(
            fmt::format("rank {}: a message {} rank {} failed", rank_, arrived ? "from" : "to", rank),
            ibv_wc_status_str(completions[i].status), "that rank died, or the path to its host is broken");
      Peer& peer = peers_.at(rank);
      if ((completions[i].wr_id & kCredit) != 0)
        peer.telling = false;
      else
        --(arrived ? peer.receiving : peer.sending);
    }
    return count;
  }

  [[nodiscard]] tl::unexpected<Error> silent() const {
    std::string waiting;
    for (const auto& [rank, peer] : peers_)
      if (!peer.idle()) waiting += fmt::format("{}{}", waiting.empty() ? "" : ", ", rank);
    return environment_error(fmt::format("rank {} waited {} s for ranks", rank_, kPatience.count()), waiting,
                             "they died or stall");
  }

  // In the order of their making, so that they go in the reverse one.
  PeerControls controls_;
  Port port_;
  std::uint32_t rank_;
  std::size_t bytes_;
  const std::atomic<bool>& stop_;
  Owned<ibv_pd> pd_;
  Owned<ibv_comp_channel> channel_;
  Owned<ibv_cq> cq_;
  std::optional<Sleeper> sleeper_;
  Memory memory_;
  std::size_t credits_ = 0;  // lines
  CmLinks links_;
  std::map<std::uint32_t, Peer> peers_;
  std::uint64_t segment_ = kLargestSegment;
};

}  // namespace

Expected<std::unique_ptr<JoinedMesh>> join_by_verbs(const CollectiveSpec& spec, const MeshNeighbours& neighbours,
                                                    const LocalChoice& choice, std::size_t memory_bytes,
                                                    const std::atomic<bool>& stop) {
  auto controls = meet_peers(spec, neighbours, choice.bind, stop);
  if (!controls) return tl::unexpected(controls.error());
  auto port = open_port({choice.device, choice.port, choice.gid_index, controls->begin()->second.local_address()});
  if (!port) return tl::unexpected(port.error());
  return std::make_unique<VerbsMesh>(std::move(*controls), std::move(*port), spec.rank, memory_bytes, stop);
}

}  // namespace weft::verbs
