// A peer of `weft dpdk respond` on a real RDMA device: the exercise of dpdk/rc/exercise.h by libibverbs, with an RC QP
// of the kernel. Usage: weft_rc_peer DEVICE MAC PORT: listens on the TCP port, serves one exercise.
// Exit codes: 0 good, 1 data wrong or a request failed, 3 the environment.
#include <fmt/format.h>
#include <infiniband/verbs.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "dpdk/rc/exercise.h"
#include "verbs/control.h"
#include "verbs/offer.h"
#include "verbs/port.h"
#include "verbs/queue_pair.h"

namespace weft {
namespace {

namespace rc = dpdk::rc;
using verbs::ControlKind;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
constexpr verbs::Milliseconds kLimit{60'000};
constexpr std::uint32_t kDepth = 128;

ibv_wr_opcode opcode_of(rc::Op op) {
  switch (op) {
    case rc::Op::kSendImm:
      return IBV_WR_SEND_WITH_IMM;
    case rc::Op::kWrite:
      return IBV_WR_RDMA_WRITE;
    case rc::Op::kWriteImm:
      return IBV_WR_RDMA_WRITE_WITH_IMM;
    case rc::Op::kRead:
      return IBV_WR_RDMA_READ;
    default:
      return IBV_WR_SEND;
  }
}

class RcPeer {
 public:
  RcPeer(verbs::Control& control, verbs::Port& port, std::string mac)
      : control_(control), port_(port), mac_(std::move(mac)) {}

  Expected<bool> all() {
    const auto plan = control_.receive(ControlKind::kPlan);
    if (!plan) return tl::unexpected(plan.error());
    const auto exercise = rc::exercise_from_json(*plan);
    if (!exercise) return tl::unexpected(exercise.error());
    exercise_ = *exercise;
    if (const auto connected = connect(); !connected) return tl::unexpected(connected.error());
    for (const rc::Step& step : rc::steps_of(exercise_)) {
      const auto done = step.caller_requests ? answer(step) : request(step);
      if (!done) return tl::unexpected(done.error());
    }
    return good_;
  }

 private:
  Expected<void> connect() {
    pd_.reset(ibv_alloc_pd(port_.context.get()));
    cq_.reset(ibv_create_cq(port_.context.get(), static_cast<int>(kDepth + exercise_.messages), nullptr, nullptr, 0));
    if (pd_ == nullptr || cq_ == nullptr) return environment_error("cannot make a protection domain or a CQ");
    const std::size_t size = std::max<std::size_t>(exercise_.memory(), 4096);
    auto memory = verbs::Memory::registered(pd_.get(), 2 * size,
                                            IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
    if (!memory) return tl::unexpected(memory.error());
    memory_ = std::move(*memory);
    const std::span all(reinterpret_cast<std::uint8_t*>(memory_.data()), 2 * size);
    region_ = all.first(size);
    local_ = all.last(size);
    verbs::QpShape shape;
    shape.cq = cq_.get();
    shape.sends = kDepth;
    shape.receives = exercise_.messages;
    auto qp = verbs::QueuePair::created(pd_.get(), shape);
    if (!qp) return tl::unexpected(qp.error());
    qp_.emplace(std::move(*qp));
    if (const auto init = qp_->to_init(port_); !init) return init;
    verbs::Offer offer;
    offer.device = port_.device;
    offer.gid = port_.gid;
    offer.mtu = exercise_.mtu;
    offer.address = reinterpret_cast<std::uintptr_t>(region_.data());
    offer.length = size;
    offer.rkey = memory_.rkey();
    offer.reads = 1;
    offer.qps.push_back(qp_->address());
    Json body = verbs::to_json(offer);
    body["mac"] = mac_;
    if (const auto sent = control_.send({ControlKind::kOffer, body}); !sent) return sent;
    const auto answer = control_.receive(ControlKind::kOffer);
    if (!answer) return tl::unexpected(answer.error());
    const auto peer = verbs::offer_from_json(*answer);
    if (!peer || peer->qps.empty()) return input_error("the peer's offer does not fit");
    peer_ = *peer;
    verbs::PathSettings path;
    path.mtu = exercise_.mtu;
    path.ack_timeout = 16;  // 268 ms: a guest in software emulation may starve that long
    if (const auto rtr = qp_->to_rtr(port_, peer_, peer_.qps[0], path); !rtr) return rtr;
    if (const auto rts = qp_->to_rts(path); !rts) return rts;
    if (const auto sent = control_.send({ControlKind::kStart, Json::object()}); !sent) return sent;
    return control_.receive(ControlKind::kStart).map([](const Json&) {});
  }

  std::span<std::uint8_t> part(std::span<std::uint8_t> of, const rc::Step& step) const {
    return of.first(std::size_t{step.size} * exercise_.messages);
  }

  void report(const rc::Step& step, const std::string& what) {
    good_ = false;
    fmt::print(stderr, "weft_rc_peer: step {} ({}, {} B): {}\n", step.index, rc::op_name(step.op), step.size, what);
  }

  // The next `count` completions; fewer where one failed.
  Expected<std::uint32_t> completions(std::uint32_t count, const rc::Step& step, bool receives) {
    const auto deadline = Clock::now() + kLimit;
    for (std::uint32_t done = 0; done < count;) {
      ibv_wc wc{};
      if (ibv_poll_cq(cq_.get(), 1, &wc) != 1) {
        if (Clock::now() > deadline)
          return environment_error("no completion in time", fmt::format("{} of {}", done, count));
        continue;
      }
      if (wc.status != IBV_WC_SUCCESS) {
        report(step, fmt::format("completion {}: {}", done, ibv_wc_status_str(wc.status)));
        return done;
      }
      if (receives && step.op != rc::Op::kSend && ntohl(wc.imm_data) != done)
        report(step, fmt::format("immediate {} of message {}", ntohl(wc.imm_data), done));
      ++done;
    }
    return count;
  }

  Expected<void> request(const rc::Step& step) {
    const auto local = part(local_, step);
    if (step.op == rc::Op::kRead)
      std::ranges::fill(local, std::uint8_t{0});
    else
      rc::fill(local, step.index);
    if (const auto ready = control_.receive(ControlKind::kRound); !ready) return tl::unexpected(ready.error());
    std::uint32_t posted = 0, done = 0;
    while (done < exercise_.messages) {
      for (; posted < exercise_.messages && posted - done < kDepth; ++posted)
        if (const auto put = post(step, posted); !put) return put;
      const auto one = completions(1, step, false);
      if (!one) return tl::unexpected(one.error());
      if (*one == 0) return environment_error("the QP has failed");
      ++done;
    }
    const std::uint64_t wrong = step.op == rc::Op::kRead ? rc::wrong_bytes(local, step.index) : 0;
    if (wrong > 0) report(step, fmt::format("{} bytes read are wrong", wrong));
    if (const auto sent = control_.send({ControlKind::kDone, {{"step", step.index}, {"wrong_bytes", wrong}}}); !sent)
      return sent;
    return control_.receive(ControlKind::kChecked).map([](const Json&) {});
  }

  Expected<void> post(const rc::Step& step, std::uint32_t index) {
    const std::size_t offset = std::size_t{index} * step.size;
    ibv_sge sge{reinterpret_cast<std::uintptr_t>(local_.data()) + offset, step.size, memory_.lkey()};
    ibv_send_wr wr{}, *bad = nullptr;
    wr.wr_id = index;
    wr.sg_list = &sge;
    wr.num_sge = step.size > 0 ? 1 : 0;
    wr.opcode = opcode_of(step.op);
    wr.send_flags = IBV_SEND_SIGNALED;
    wr.imm_data = htonl(index);
    wr.wr.rdma.remote_addr = peer_.address + offset;
    wr.wr.rdma.rkey = peer_.rkey;
    if (const int failed = ibv_post_send(qp_->get(), &wr, &bad); failed != 0)
      return verbs::refused("cannot post a request", rc::op_name(step.op), failed);
    return {};
  }

  Expected<void> answer(const rc::Step& step) {
    const auto region = part(region_, step);
    if (step.op == rc::Op::kRead)
      rc::fill(region, step.index);
    else
      std::ranges::fill(region, std::uint8_t{0});
    for (std::uint32_t i = 0; rc::takes_receives(step.op) && i < exercise_.messages; ++i) {
      ibv_sge sge{reinterpret_cast<std::uintptr_t>(region.data()) + std::size_t{i} * step.size, step.size,
                  memory_.lkey()};
      ibv_recv_wr wr{}, *bad = nullptr;
      wr.wr_id = i;
      wr.sg_list = &sge;
      wr.num_sge = step.size > 0 ? 1 : 0;
      if (const int failed = ibv_post_recv(qp_->get(), &wr, &bad); failed != 0)
        return verbs::refused("cannot post a receive", {}, failed);
    }
    if (const auto sent = control_.send({ControlKind::kRound, {{"step", step.index}}}); !sent) return sent;
    if (const auto done = control_.receive(ControlKind::kDone); !done) return tl::unexpected(done.error());
    if (rc::takes_receives(step.op))
      if (const auto came = completions(exercise_.messages, step, true); !came) return tl::unexpected(came.error());
    const std::uint64_t wrong = step.op == rc::Op::kRead ? 0 : rc::wrong_bytes(region, step.index);
    if (wrong > 0) report(step, fmt::format("{} bytes are wrong", wrong));
    return control_.send({ControlKind::kChecked, {{"step", step.index}, {"wrong_bytes", wrong}}});
  }

  verbs::Control& control_;
  verbs::Port& port_;
  std::string mac_;
  rc::Exercise exercise_;
  verbs::Owned<ibv_pd> pd_;
  verbs::Owned<ibv_cq> cq_;
  verbs::Memory memory_;
  std::span<std::uint8_t> region_, local_;  // that the peer reaches; of our requests
  std::optional<verbs::QueuePair> qp_;
  verbs::Offer peer_;
  bool good_ = true;
};

Expected<bool> serve(const std::string& device, const std::string& mac, std::uint16_t tcp_port) {
  verbs::PortRequest request;
  request.device = device;
  auto port = verbs::open_port(request);
  if (!port) return tl::unexpected(port.error());
  auto listener = verbs::Listener::listening("", tcp_port);
  if (!listener) return tl::unexpected(listener.error());
  auto control = listener->accepted(kLimit, kLimit, nullptr);
  if (!control) return tl::unexpected(control.error());
  return RcPeer(*control, *port, mac).all();
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: weft_rc_peer DEVICE MAC PORT\n");
    return 2;
  }
  const auto good = weft::serve(argv[1], argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
  if (!good) fmt::print(stderr, "weft_rc_peer: {}\n", good.error().text());
  return !good ? 3 : *good ? 0 : 1;
}
