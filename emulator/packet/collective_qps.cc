// Transfers as QPs: made for the first message, destroyed after the last.
#include <fmt/format.h>

#include "emulator/packet/collective_run.h"
#include "emulator/packet/slices.h"

namespace weft::packet {

void CollectiveRun::on_received(std::uint32_t qp, std::uint32_t /*message*/) {
  if (error_) return;
  const std::uint32_t index = network_.qp(qp).tag;
  Slot& slot = slots_[index];
  if (slot.first_leg) {
    if (relay_piece(index)) ++slot.received;
    return;
  }
  if (!advance(index)) return;
  ++slot.received;
  const Place at = place_of(slot);
  Transfer& t = at.transfer();
  std::uint32_t least = slot.received;
  for (std::uint32_t s = t.first_slot; s != kNone; s = slots_[s].next) least = std::min(least, slots_[s].received);
  if (least > t.received) unit_received(at);
  close_blocks();
}

void CollectiveRun::on_acknowledged(std::uint32_t qp, std::uint32_t /*message*/) {
  if (error_) return;
  Slot& slot = slots_[network_.qp(qp).tag];
  if (slot.first_leg) return;
  --slot.unacknowledged;
  const Place at = place_of(slot);
  if (at.transfer().window != 0) pump(at);
  if (slot.unacknowledged == 0) settle(at);
  close_blocks();
}

void CollectiveRun::on_failed(std::uint32_t qp) {
  if (error_) return;
  const Transfer& t = place_of(slots_[network_.qp(qp).tag]).transfer();
  fail({ErrorCode::kInput,
        fmt::format("a QP failed at {:.1f} us, its retries used up", static_cast<double>(network_.now()) * 1e-6),
        describe(t),
        fmt::format("see failures, transport.retry_count ({}) and transport.retransmit_timeout in the fabric file",
                    network_.topology().spec().transport.retry_count),
        {}});
}

std::string CollectiveRun::describe(const Transfer& t) const {
  const auto gpu = [&](Rank rank) { return network_.topology().name(NodeRef{NodeKind::kGpu, gpu_of(rank).value}); };
  return fmt::format("rank {} on {} -> rank {} on {}", t.source.value, gpu(t.source), t.destination.value,
                     gpu(t.destination));
}

Error CollectiveRun::no_path(const Transfer& t) const {
  return {ErrorCode::kInput,
          "no path between two GPUs",
          describe(t),
          "repair a failure, let rails join, or use an algorithm that stays on rails",
          {}};
}

// False, and the run has failed, where there is no way.
bool CollectiveRun::open_transfer(Place at) {
  Transfer& t = at.transfer();
  const Connection connection{gpu_of(t.source), gpu_of(t.destination), t.channel};
  const std::uint32_t wanted = forwarding_.qps(connection, at.stage.stage().phase->via);
  const auto qps = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, std::max<std::uint64_t>(1, t.bytes)));
  for (std::uint32_t qp = 0; qp < qps; ++qp) {
    if (auto error = open_slot(at, qp, qps)) {
      fail(std::move(*error));
      return false;
    }
  }
  if (at.stage.reorders()) t.window = window_of(at);
  return true;
}

// Messages that keep the path of the first QP full, and one more: those behind them are still free to go later.
std::uint32_t CollectiveRun::window_of(Place at) const {
  const Slot& slot = slots_[at.transfer().first_slot];
  const Qp& q = network_.qp(slot.qp);
  const std::uint64_t bytes = unit_bytes(slot, at.stage, 0);
  const auto ps = static_cast<double>(network_.port(LinkId{network_.path(q)[0]}).ps_fixed) / (1U << 20U);
  const double messages = static_cast<double>(network_.base_rtt(q)) / std::max(1.0, ps * static_cast<double>(bytes));
  const std::uint64_t pieces = slot.relay == kNone ? 1 : piece_count(bytes, mtu_);
  return static_cast<std::uint32_t>((2 + static_cast<std::uint64_t>(messages)) * pieces);
}

std::optional<Error> CollectiveRun::open_slot(Place at, std::uint32_t qp, std::uint32_t qps) {
  using Leg = QpRequest::Leg;
  Transfer& t = at.transfer();
  const Stage& stage = at.stage.stage();
  const Connection connection{gpu_of(t.source), gpu_of(t.destination), t.channel};
  const auto endpoints = forwarding_.endpoints(connection, stage.phase->via, qp);
  if (!endpoints) return no_path(t);
  const std::uint32_t index = slots_.take();
  Slot& slot = *new (&slots_[index]) Slot;
  slot.stage = static_cast<std::uint32_t>(&stage - plan_.stages.data());
  slot.transfer = at.index;
  slot.bytes = share_of_qp(t.bytes, qps, qp);
  slot.next = t.first_slot;
  t.first_slot = index;
  t.network = !endpoints->scale_up_only;
  QpRequest request;
  request.endpoints = *endpoints;
  request.from = connection.source;
  request.to = connection.destination;
  if (stage.to_switch())
    request.leg = Leg::kToDomain;
  else if (stage.from_switch())
    request.leg = Leg::kFromDomain;
  else if (endpoints->scale_up_only)
    request.leg = Leg::kScaleUp;
  if (auto error = make_qp(at, index, request)) return error;
  if (!endpoints->proxy) return std::nullopt;
  const std::uint32_t first = slots_.take();
  Slot& leg = *new (&slots_[first]) Slot(slot);
  leg.first_leg = true;
  leg.next = kNone;
  leg.relay = index;
  slot.relay = first;
  request.leg = Leg::kScaleUp;
  request.to = *endpoints->proxy;
  bytes_to_deliver_ += static_cast<double>(slot.bytes) * stage.steps;
  return make_qp(at, first, request);
}

std::optional<Error> CollectiveRun::make_qp(Place at, std::uint32_t slot, const QpRequest& request) {
  QpRequest tagged = request;
  tagged.tag = slot;
  const auto qp = network_.create_qp(tagged);
  if (!qp) return qp.error();
  slots_[slot].qp = *qp;
  if (request.leg == QpRequest::Leg::kNetwork) count_flow(at, *qp);
  return std::nullopt;
}

// Flows on each link, in the first step of the phase.
void CollectiveRun::count_flow(Place at, std::uint32_t qp) {
  const Stage& stage = at.stage.stage();
  if (stage.step != 0) return;
  std::vector<float>& flows = phases_[stage.phase_index].flows_on_link;
  flows.resize(network_.topology().link_count(), 0.0F);
  for (const std::uint32_t link : network_.path(network_.qp(qp))) flows[link] += 1.0F;
}

void CollectiveRun::close_transfer(Place at) {
  Transfer& t = at.transfer();
  const auto close = [&](std::uint32_t slot) {
    network_.destroy_qp(slots_[slot].qp);
    slots_.give(slot);
  };
  for (std::uint32_t s = t.first_slot; s != kNone;) {
    const std::uint32_t next = slots_[s].next, relay = slots_[s].relay;
    if (relay != kNone) close(relay);
    close(s);
    s = next;
  }
  t.first_slot = kNone;
}

std::uint64_t CollectiveRun::unit_bytes(const Slot& slot, const StageTransfers& stage, std::uint32_t unit) const {
  return slice_bytes(slot.bytes, stage.stage().slices, unit % stage.stage().slices, mtu_);
}

void CollectiveRun::post_unit(Place at, std::uint32_t unit) {
  for (std::uint32_t s = at.transfer().first_slot; s != kNone; s = slots_[s].next) {
    const std::uint64_t bytes = unit_bytes(slots_[s], at.stage, unit);
    const std::uint32_t relay = slots_[s].relay;
    if (relay == kNone) {
      post(s, bytes);
      continue;
    }
    const std::uint64_t pieces = piece_count(bytes, mtu_);
    slots_[s].unacknowledged += static_cast<std::uint32_t>(pieces);
    for (std::uint64_t piece = 0; piece < pieces; ++piece)
      network_.post(slots_[relay].qp, Bytes{static_cast<std::int64_t>(piece_bytes(bytes, piece, mtu_))});
  }
}

void CollectiveRun::post(std::uint32_t slot, std::uint64_t bytes) {
  ++slots_[slot].unacknowledged;
  network_.post(slots_[slot].qp, Bytes{static_cast<std::int64_t>(bytes)});
}

// A piece has reached the proxy and goes on. True when it was the last of its unit.
bool CollectiveRun::relay_piece(std::uint32_t index) {
  Slot& slot = slots_[index];
  const StageTransfers& stage = *stages_[slot.stage];
  const std::uint64_t bytes = unit_bytes(slot, stage, stage.unit_at(slot.transfer, slot.received));
  const std::uint64_t piece = slot.pieces;
  const bool last = advance(index);
  network_.post(slots_[slot.relay].qp, Bytes{static_cast<std::int64_t>(piece_bytes(bytes, piece, mtu_))});
  return last;
}

// One more message of the slot has arrived. True when it completes a unit.
bool CollectiveRun::advance(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.relay == kNone) return true;
  const StageTransfers& stage = *stages_[slot.stage];
  const std::uint64_t bytes = unit_bytes(slot, stage, stage.unit_at(slot.transfer, slot.received));
  if (++slot.pieces < piece_count(bytes, mtu_)) return false;
  slot.pieces = 0;
  return true;
}

}  // namespace weft::packet
