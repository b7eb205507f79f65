#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <thread>

#include "verbs/collective/join.h"
#include "verbs/port.h"
#include "verbs/queue_pair.h"

namespace weft::verbs {
namespace {

constexpr std::uint32_t kDepth = 64;                         // messages under way on a QP, each way
constexpr std::uint64_t kLargestSegment = 1U << 20U;         // B
constexpr std::uint64_t kArrived = std::uint64_t{1} << 63U;  // in wr_id, whose low bits are the rank
constexpr std::chrono::seconds kPatience{15};

struct Segment {
  std::byte* place;
  std::uint32_t length;
};

struct Peer {
  QueuePair qp;
  std::deque<Segment> to_send, to_receive;   // not posted yet
  std::uint32_t sending = 0, receiving = 0;  // posted
  [[nodiscard]] bool idle() const { return to_send.empty() && to_receive.empty() && sending == 0 && receiving == 0; }
};

class VerbsMesh final : public JoinedMesh {
 public:
  VerbsMesh(Port port, std::uint32_t rank, const std::atomic<bool>& stop)
      : port_(std::move(port)), rank_(rank), stop_(stop) {}

  Expected<void> make(const PeerControls& controls, std::size_t bytes) {
    pd_.reset(ibv_alloc_pd(port_.context.get()));
    if (pd_ == nullptr) return refused("cannot allocate a protection domain", port_.device, errno);
    const int entries = static_cast<int>(controls.size()) * 2 * static_cast<int>(kDepth) + 16;
    cq_.reset(ibv_create_cq(port_.context.get(), std::min(entries, port_.limits.max_cqe), nullptr, nullptr, 0));
    if (cq_ == nullptr) return refused("cannot create a CQ", fmt::format("{} entries", entries), errno);
    auto memory = Memory::registered(pd_.get(), bytes, IBV_ACCESS_LOCAL_WRITE);
    if (!memory) return tl::unexpected(memory.error());
    memory_ = std::move(*memory);
    for (const auto& [rank, control] : controls) {
      QpShape shape;
      shape.cq = cq_.get();
      shape.sends = shape.receives = kDepth;
      auto qp = QueuePair::created(pd_.get(), shape);
      if (!qp) return tl::unexpected(qp.error());
      if (auto done = qp->to_init(port_); !done) return done;
      peers_[rank].qp = std::move(*qp);
    }
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
      offer.qps.push_back(peer.qp.address());
      all[rank] = to_json(offer);
    }
    return all;
  }

  Expected<void> connect(const PeerOffers& offers) {
    for (auto& [rank, peer] : peers_) {
      const auto offer = offer_from_json(offers.at(rank));
      if (!offer) return tl::unexpected(offer.error());
      if (offer->qps.size() != 1) return input_error(fmt::format("rank {} offers no QP", rank));
      PathSettings path;
      path.mtu = std::min(mtu_bytes(port_.state.active_mtu), offer->mtu);
      segment_ = std::min(
          {segment_, std::uint64_t{port_.state.max_msg_sz}, std::max<std::uint64_t>(offer->largest_message, 4096)});
      if (auto done = peer.qp.to_rtr(port_, *offer, offer->qps.front(), path); !done) return done;
      if (auto done = peer.qp.to_rts(path); !done) return done;
    }
    return {};
  }

  [[nodiscard]] std::span<std::byte> memory() override { return {memory_.data(), memory_.size()}; }

  Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) override {
    for (const Receive& r : receives) cut(peers_.at(r.peer).to_receive, r.bytes.data(), r.bytes.size());
    for (const Send& s : sends) cut(peers_.at(s.peer).to_send, const_cast<std::byte*>(s.bytes.data()), s.bytes.size());
    auto last = std::chrono::steady_clock::now();
    while (true) {
      bool idle = true;
      for (auto& [rank, peer] : peers_) {
        if (auto posted = post(rank, peer); !posted) return posted;
        idle = idle && peer.idle();
      }
      if (idle) return {};
      const auto done = reap();
      if (!done) return tl::unexpected(done.error());
      if (*done > 0) {
        last = std::chrono::steady_clock::now();
        continue;
      }
      if (stop_) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
      if (std::chrono::steady_clock::now() - last > kPatience) return silent();
      std::this_thread::yield();
    }
  }

 private:
  void cut(std::deque<Segment>& into, std::byte* place, std::size_t length) const {
    for (; length > 0;) {
      const std::size_t part = std::min<std::size_t>(length, segment_);
      into.push_back({place, static_cast<std::uint32_t>(part)});
      place += part;
      length -= part;
    }
  }

  Expected<void> post(std::uint32_t rank, Peer& peer) {
    while (!peer.to_receive.empty() && peer.receiving < kDepth) {
      ibv_sge piece = sge(peer.to_receive.front());
      ibv_recv_wr wanted{}, *bad = nullptr;
      wanted.wr_id = rank | kArrived;
      wanted.sg_list = &piece;
      wanted.num_sge = 1;
      if (const int failed = ibv_post_recv(peer.qp.get(), &wanted, &bad); failed != 0)
        return refused("cannot post a receive", fmt::format("from rank {}", rank), failed);
      peer.to_receive.pop_front();
      ++peer.receiving;
    }
    while (!peer.to_send.empty() && peer.sending < kDepth) {
      ibv_sge piece = sge(peer.to_send.front());
      ibv_send_wr wanted{}, *bad = nullptr;
      wanted.wr_id = rank;
      wanted.sg_list = &piece;
      wanted.num_sge = 1;
      wanted.opcode = IBV_WR_SEND;
      wanted.send_flags = IBV_SEND_SIGNALED;
      if (const int failed = ibv_post_send(peer.qp.get(), &wanted, &bad); failed != 0)
        return refused("cannot post a send", fmt::format("to rank {}", rank), failed);
      peer.to_send.pop_front();
      ++peer.sending;
    }
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
      const auto rank = static_cast<std::uint32_t>(completions[i].wr_id & ~kArrived);
      if (completions[i].status != IBV_WC_SUCCESS)
        return environment_error(
            fmt::format("rank {}: a message {} rank {} failed", rank_, arrived ? "from" : "to", rank),
            ibv_wc_status_str(completions[i].status), "that rank died, or the path to its host is broken");
      Peer& peer = peers_.at(rank);
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
  Port port_;
  std::uint32_t rank_;
  const std::atomic<bool>& stop_;
  Owned<ibv_pd> pd_;
  Owned<ibv_cq> cq_;
  Memory memory_;
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
  if (port->iwarp)
    return environment_error("collectives need RoCE or InfiniBand, this device is iWARP", port->device,
                             "weft verbs bw --rdma-cm measures pairs on it");
  auto mesh = std::make_unique<VerbsMesh>(std::move(*port), spec.rank, stop);
  if (auto made = mesh->make(*controls, memory_bytes); !made) return tl::unexpected(made.error());
  const auto offers = trade_offers(*controls, mesh->offers());
  if (!offers) return tl::unexpected(offers.error());
  if (auto connected = mesh->connect(*offers); !connected) return tl::unexpected(connected.error());
  // Nobody sends before all are ready to receive.
  PeerOffers ready;
  for (const auto& [rank, control] : *controls) ready[rank] = nlohmann::ordered_json::object();
  if (auto all = trade_offers(*controls, ready); !all) return tl::unexpected(all.error());
  return mesh;
}

}  // namespace weft::verbs
