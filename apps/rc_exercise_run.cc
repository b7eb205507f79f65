#include "apps/rc_exercise_run.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include "verbs/offer.h"

namespace weft {
namespace {

namespace rc = dpdk::rc;
using verbs::ControlKind;
using Json = nlohmann::ordered_json;
using Gid = std::array<std::uint8_t, 16>;

constexpr std::uint32_t kRkey = 0x57656674;
constexpr std::uint64_t kRegionAddress = 0x10'0000'0000;  // as the peer names it: never one of ours
constexpr std::uint32_t kReads = 16;

Duration now() {
  return Duration::ns(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

Expected<Gid> gid_of(const std::string& address) {
  Gid gid{};
  if (inet_pton(AF_INET6, address.c_str(), gid.data()) == 1) return gid;
  gid[10] = gid[11] = 0xff;
  if (inet_pton(AF_INET, address.c_str(), gid.data() + 12) == 1) return gid;
  return input_error("--address: not an IP address", address, "one of this end's network, as 192.0.2.9");
}

bool is_ipv4(const Gid& gid) {
  return std::all_of(gid.begin(), gid.begin() + 10, [](std::uint8_t b) { return b == 0; }) && gid[10] == 0xff &&
         gid[11] == 0xff;
}

std::uint32_t ipv4_of(const Gid& gid) {
  return std::uint32_t{gid[12]} << 24U | std::uint32_t{gid[13]} << 16U | std::uint32_t{gid[14]} << 8U | gid[15];
}

Expected<wire::MacAddress> mac_from(const Json& body) {
  wire::MacAddress mac{};
  const std::string text = body.contains("mac") && body["mac"].is_string() ? body["mac"].get<std::string>() : "";
  int end = 0;
  if (std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                  &mac[5], &end) != 6 ||
      static_cast<std::size_t>(end) != text.size())
    return input_error("the peer's offer has no MAC address", text, "as 02:00:00:00:00:01");
  return mac;
}

// Without a number that the peer should have sent, all is wrong.
std::uint64_t wrong_in(const Json& body) {
  const auto found = body.find("wrong_bytes");
  const bool good = found != body.end() && found->is_number_unsigned();
  return good ? std::min<std::uint64_t>(found->get<std::uint64_t>(), rc::kMostMemory) : rc::kMostMemory;
}

std::string mac_text(const wire::MacAddress& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

// The path to the peer, from both addresses.
Expected<wire::FrameHeaders> path_between(const RcSide& side, const Gid& here, const Gid& there,
                                          const wire::MacAddress& peer_mac, std::uint32_t local_qp,
                                          std::uint32_t peer_qp) {
  if (is_ipv4(here) != is_ipv4(there))
    return input_error("one end has an IPv4 address, the other IPv6", side.address, "give --address of the same kind");
  wire::FrameHeaders path = side.settings.path;
  path.ethernet.source = side.mac;
  path.ethernet.destination = peer_mac;
  path.udp.source_port = wire::udp_source_port(local_qp, peer_qp);
  if (is_ipv4(here)) {
    wire::Ipv4Header ip;
    ip.source = ipv4_of(here);
    ip.destination = ipv4_of(there);
    path.ip = ip;
  } else {
    wire::Ipv6Header ip;
    ip.source = here;
    ip.destination = there;
    ip.flow_label = path.udp.source_port & 0x3FFFU;  // entropy, from which rdma-core makes this very port
    path.ip = ip;
  }
  return path;
}

// One run: the endpoint, its memory, and the peer's.
class Run {
 public:
  Run(verbs::Control& control, dpdk::FrameIo& io, RcSide side)
      : control_(control), io_(io), side_(std::move(side)), random_(std::random_device()()) {}

  Expected<RcOutcome> all() {
    if (const auto agreed = agree(); !agreed) return tl::unexpected(agreed.error());
    if (const auto connected = connect(); !connected) return tl::unexpected(connected.error());
    RcOutcome outcome;
    for (const rc::Step& step : rc::steps_of(side_.exercise)) {
      auto point = run_step(step);
      if (!point) {
        outcome.ended = point.error();
        break;
      }
      outcome.points.push_back(std::move(*point));
      if (endpoint_->requester().failed() || endpoint_->responder().failed()) {
        outcome.ended = environment_error("the connection failed", outcome.points.back().operation,
                                          "the steps behind it were not run")
                            .value();
        break;
      }
    }
    outcome.endpoint = endpoint_->counts();
    return outcome;
  }

 private:
  Expected<void> agree() {
    if (side_.caller) return control_.send({ControlKind::kPlan, rc::to_json(side_.exercise)});
    const auto plan = control_.receive(ControlKind::kPlan);
    if (!plan) return tl::unexpected(plan.error());
    const auto exercise = rc::exercise_from_json(*plan);
    if (!exercise) {
      static_cast<void>(control_.send({ControlKind::kRefused, {{"message", exercise.error().text()}}}));
      return tl::unexpected(exercise.error());
    }
    side_.exercise = *exercise;
    return {};
  }

  Expected<void> connect() {
    const auto here = gid_of(side_.address);
    if (!here) return tl::unexpected(here.error());
    const auto local_qp = static_cast<std::uint32_t>(2 + random_() % 0xFFFFF0U);
    const auto psn = static_cast<std::uint32_t>(random_() & wire::kMask24);
    region_.resize(side_.exercise.memory());
    local_.resize(side_.exercise.memory());
    verbs::Offer offer;
    offer.device = "user-space endpoint";
    offer.gid = *here;
    offer.mtu = side_.exercise.mtu;
    offer.address = kRegionAddress;
    offer.length = region_.size();
    offer.rkey = kRkey;
    offer.reads = kReads;
    offer.largest_message = std::uint64_t{1} << 31U;
    offer.qps.push_back({local_qp, psn, 0, 0});
    Json body = verbs::to_json(offer);
    body["mac"] = mac_text(side_.mac);
    if (const auto sent = control_.send({ControlKind::kOffer, body}); !sent) return sent;
    const auto answer = control_.receive(ControlKind::kOffer);
    if (!answer) return tl::unexpected(answer.error());
    const auto peer = verbs::offer_from_json(*answer);
    if (!peer) return tl::unexpected(peer.error());
    const auto mac = mac_from(*answer);
    if (!mac) return tl::unexpected(mac.error());
    if (peer->qps.size() != 1 || peer->length < region_.size())
      return input_error("the peer's offer does not fit the exercise",
                         fmt::format("{} QPs, {} B", peer->qps.size(), peer->length));
    peer_ = *peer;
    auto path = path_between(side_, *here, peer->gid, *mac, local_qp, peer->qps[0].number);
    if (!path) return tl::unexpected(path.error());
    rc::Settings settings = side_.settings;
    settings.path = *path;
    settings.local_qp = local_qp;
    settings.remote_qp = peer->qps[0].number;
    settings.first_psn = psn;
    settings.expected_psn = peer->qps[0].psn;
    settings.mtu = side_.exercise.mtu;
    settings.reads = std::clamp(peer->reads, 1U, kReads);
    endpoint_ = std::make_unique<rc::Endpoint>(io_, settings);
    endpoint_->responder().add_region({kRkey, kRegionAddress, region_});
    if (const auto ready = control_.send({ControlKind::kStart, Json::object()}); !ready) return ready;
    return await(ControlKind::kStart).map([](const Json&) {});
  }

  // The peer's next message; the endpoint goes on meanwhile.
  Expected<Json> await(ControlKind kind) {
    const Duration deadline = now() + side_.step_limit;
    while (true) {
      const bool busy = endpoint_->poll(now());
      auto message = control_.poll();
      if (!message) return tl::unexpected(message.error());
      if (*message && (*message)->kind == kind) return std::move((*message)->body);
      if (*message && (*message)->kind != ControlKind::kAlive)
        return environment_error("the peer ended the exercise", (*message)->body.dump());
      if (const auto late = check_time(deadline, "the peer did not go on"); !late) return tl::unexpected(late.error());
      if (!busy) std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

  Expected<void> check_time(Duration deadline, const char* what) const {
    if (side_.stop != nullptr && *side_.stop)
      return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    if (now() <= deadline) return {};
    return environment_error(what, fmt::format("{:.0f} s", side_.step_limit.seconds()),
                             "see its own message; check that frames arrive (neighbour entry, MAC, UDP port 4791)");
  }

  std::span<std::uint8_t> part(std::vector<std::uint8_t>& memory, const rc::Step& step) const {
    return std::span(memory).first(std::size_t{step.size} * side_.exercise.messages);
  }

  Expected<TrafficPoint> run_step(const rc::Step& step) {
    TrafficPoint point;
    point.operation = rc::op_name(step.op);
    point.transport = "RC";
    point.size = Bytes{step.size};
    const bool ours = step.caller_requests == side_.caller;
    point.from = ours ? "here" : "peer";
    point.to = ours ? "peer" : "here";
    const rc::RequesterCounts requested = endpoint_->requester().counts();
    const rc::ResponderCounts answered = endpoint_->responder().counts();
    const Duration start = now();
    const auto done = ours ? request(step, point) : answer(step, point);
    if (!done) return tl::unexpected(done.error());
    point.time = now() - start;
    const double seconds = std::max(1e-12, point.time.seconds());
    point.messages_per_second = static_cast<double>(point.messages) / seconds;
    point.gbits_average = 8e-9 * static_cast<double>(point.messages) * step.size / seconds;
    add_counts(point, requested, answered);
    return point;
  }

  void add_counts(TrafficPoint& point, const rc::RequesterCounts& r, const rc::ResponderCounts& a) const {
    const rc::RequesterCounts& requested = endpoint_->requester().counts();
    const rc::ResponderCounts& answered = endpoint_->responder().counts();
    for (const auto& [name, after, before] :
         {std::tuple("packets_sent", requested.packets, r.packets), std::tuple("resent", requested.resent, r.resent),
          std::tuple("timeouts", requested.timeouts, r.timeouts),
          std::tuple("sequence_naks_received", requested.sequence_naks, r.sequence_naks),
          std::tuple("rnr_naks_received", requested.rnr_naks, r.rnr_naks),
          std::tuple("lost_answers", requested.implied_naks, r.implied_naks),
          std::tuple("sequence_naks_sent", answered.sequence_naks, a.sequence_naks),
          std::tuple("duplicates", answered.duplicates, a.duplicates)})
      point.counters[name] = static_cast<double>(after - before);
  }

  // Our turn: waits until the peer is ready, requests, and hears what arrived.
  Expected<void> request(const rc::Step& step, TrafficPoint& point) {
    const auto local = part(local_, step);
    if (step.op == rc::Op::kRead)
      std::ranges::fill(local, std::uint8_t{0});
    else
      rc::fill(local, step.index);
    if (const auto ready = await(ControlKind::kRound); !ready) return tl::unexpected(ready.error());
    for (std::uint32_t i = 0; i < side_.exercise.messages; ++i) {
      const std::size_t offset = std::size_t{i} * step.size;
      endpoint_->requester().post(
          {i, step.op, local.subspan(offset, step.size), peer_.address + offset, peer_.rkey, i, 0, 0});
    }
    const Duration deadline = now() + side_.step_limit;
    while (!endpoint_->requester().idle()) {
      if (!endpoint_->poll(now())) std::this_thread::sleep_for(std::chrono::microseconds(20));
      if (const auto late = check_time(deadline, "the peer does not complete what is asked"); !late) return late;
    }
    for (const rc::Completion& completion : endpoint_->requester().completions()) {
      if (completion.status == rc::Status::kSuccess)
        ++point.messages;
      else if (completion.status != rc::Status::kFlushed)
        point.failures.push_back(fmt::format("message {}: {}", completion.id, rc::to_text(completion.status)));
    }
    endpoint_->requester().completions().clear();
    const std::uint64_t wrong = step.op == rc::Op::kRead ? rc::wrong_bytes(local, step.index) : 0;
    if (const auto sent = control_.send({ControlKind::kDone, {{"step", step.index}, {"wrong_bytes", wrong}}}); !sent)
      return sent;
    const auto checked = await(ControlKind::kChecked);
    if (!checked) return tl::unexpected(checked.error());
    judge(wrong + wrong_in(*checked), point);
    return {};
  }

  // The peer's turn: prepares memory, answers, and checks what came.
  Expected<void> answer(const rc::Step& step, TrafficPoint& point) {
    const auto region = part(region_, step);
    if (step.op == rc::Op::kRead)
      rc::fill(region, step.index);
    else
      std::ranges::fill(region, std::uint8_t{0});
    rc::Responder& responder = endpoint_->responder();
    if (rc::takes_receives(step.op))
      for (std::uint32_t i = 0; i < side_.exercise.messages; ++i)
        responder.post_receive(i, step.op == rc::Op::kWriteImm ? std::span<std::uint8_t>{}
                                                               : region.subspan(std::size_t{i} * step.size, step.size));
    if (const auto sent = control_.send({ControlKind::kRound, {{"step", step.index}}}); !sent) return sent;
    const auto done = await(ControlKind::kDone);
    if (!done) return tl::unexpected(done.error());
    const std::uint64_t wrong = wrong_in(*done);
    const std::uint64_t here = step.op == rc::Op::kRead ? 0 : rc::wrong_bytes(region, step.index);
    point.messages = side_.exercise.messages;
    if (rc::takes_receives(step.op)) judge_receives(step, point);
    responder.received().clear();
    if (const auto sent = control_.send({ControlKind::kChecked, {{"step", step.index}, {"wrong_bytes", here}}}); !sent)
      return sent;
    judge(wrong + here, point);
    return {};
  }

  void judge_receives(const rc::Step& step, TrafficPoint& point) const {
    const auto& received = endpoint_->responder().received();
    point.messages = received.size();
    if (received.size() != side_.exercise.messages)
      point.failures.push_back(fmt::format("{} of {} messages arrived", received.size(), side_.exercise.messages));
    const bool immediate = step.op != rc::Op::kSend;
    for (std::size_t i = 0; i < received.size(); ++i)
      if (received[i].id != i || received[i].has_immediate != immediate || (immediate && received[i].immediate != i))
        point.failures.push_back(
            fmt::format("message {} came as {}, immediate {}", i, received[i].id, received[i].immediate));
  }

  static void judge(std::uint64_t wrong, TrafficPoint& point) {
    point.counters["wrong_bytes"] = static_cast<double>(wrong);
    if (wrong > 0) point.failures.push_back(fmt::format("{} bytes are wrong", wrong));
  }

  verbs::Control& control_;
  dpdk::FrameIo& io_;
  RcSide side_;
  std::mt19937 random_;
  verbs::Offer peer_;
  std::vector<std::uint8_t> region_, local_;  // that the peer reaches; of our requests
  std::unique_ptr<rc::Endpoint> endpoint_;
};

}  // namespace

Expected<RcOutcome> run_exercise(verbs::Control& control, dpdk::FrameIo& io, RcSide side) {
  return Run(control, io, std::move(side)).all();
}

}  // namespace weft
