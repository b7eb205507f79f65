// What may go when, and what follows from what came.
#include <utility>

#include "emulator/packet/collective_run.h"

namespace weft::packet {

// Posts what may go, once the rank is there. The domain's switch needs no rank to act.
void CollectiveRun::pump(Place at) {
  Transfer& t = at.transfer();
  if (t.posted == t.allowed) return;
  if (!at.stage.stage().from_switch() && !is_at(at.stage.block(), t.source)) return;
  while (t.posted < t.allowed && !error_) {
    if (t.first_slot == kNone && !open_transfer(at)) return;
    if (t.window != 0 && !has_room(t)) return;
    const Ps now = network_.now();
    if (t.posted == 0) t.first_post = now;
    if (t.posted == t.received) t.started = now;
    post_unit(at, at.stage.post(at.index));
  }
}

bool CollectiveRun::has_room(const Transfer& t) const {
  for (std::uint32_t s = t.first_slot; s != kNone; s = slots_[s].next) {
    if (slots_[s].unacknowledged >= t.window) return false;
  }
  return true;
}

// The next unit of the transfer is in the destination's memory.
void CollectiveRun::unit_received(Place at) {
  Transfer& t = at.transfer();
  const Stage& stage = at.stage.stage();
  const std::uint32_t unit = at.stage.unit_at(at.index, t.received);
  const Ps now = network_.now();
  (t.network ? network_times_ : scale_up_times_).add(now - t.started);
  t.started = now;
  at.stage.forget_before(at.index, ++t.received);
  last_received_ = now;
  if (unit / stage.slices + 1 == stage.steps) {
    ++t.slices_received;
    slice_received(at, unit % stage.slices);
  }
  pass_on(at, unit);
  if (t.received < stage.units()) return;
  PhaseStats& phase = phases_[stage.phase_index];
  phase.first_post = std::min(phase.first_post, t.first_post);
  phase.last_received = std::max(phase.last_received, now);
  if (t.network && now > t.first_post) {
    const double bits = 8.0 * static_cast<double>(t.bytes) * stage.steps;
    phase.add_rate(bits / (static_cast<double>(now - t.first_post) * 1e-12));
  }
  settle(at);
  if (!stage.to_switch() && !stage.from_switch()) complete_one(at.stage.block(), t.destination);
}

// Within the stage: the next message of a ring, the next slice of a tree.
void CollectiveRun::pass_on(Place at, std::uint32_t unit) {
  const Stage& stage = at.stage.stage();
  if (stage.kind == StageKind::kOnce) return;
  const bool ring = stage.kind == StageKind::kRing;
  const std::uint32_t next = unit + stage.slices;
  if (ring && next >= stage.units()) return;
  const Transfer& t = at.transfer();
  for (const std::uint32_t index : at.stage.out(t.destination)) {
    if (!at.stage[index].shares_lane(t)) continue;
    if (ring)
      at.stage.allow(index, next);
    else
      refresh_tree({at.stage, index});
    pump({at.stage, index});
  }
}

void CollectiveRun::refresh_tree(Place at) {
  Transfer& t = at.transfer();
  const std::uint32_t have = at.stage.slices_to_pass_on(t);
  const std::uint32_t open = at.stage.gate.empty() ? at.stage.stage().slices : at.stage.gate[t.source.value];
  t.allowed = std::max(t.allowed, std::min(have, open));
}

// A slice has gone all its steps: later stages of the block may take it up.
void CollectiveRun::slice_received(Place at, std::uint32_t slice) {
  const Block& range = plan_.blocks[at.stage.block()];
  if (range.stage_count == 1) return;
  const auto own = static_cast<std::uint32_t>(&at.stage.stage() - plan_.stages.data());
  if (at.stage.stage().to_switch()) {
    if (own + 1 == range.first_stage + range.stage_count) return;
    StageTransfers& down = *stages_[own + 1];
    const auto found = down.domains.find(domain_key(at.transfer().source));
    if (found == down.domains.end()) return;
    DomainGate& gate = found->second;
    ++gate.arrived[slice];
    for (; gate.open < gate.arrived.size() && gate.arrived[gate.open] == gate.members; ++gate.open) {
      for (const std::uint32_t index : gate.down) down.allow(index, gate.open);
    }
    for (const std::uint32_t index : gate.down) pump({down, index});
    return;
  }
  const Rank rank = at.transfer().destination;
  for (std::uint32_t s = own + 1; s < range.first_stage + range.stage_count; ++s) {
    if (stages_[s]->domains.empty()) raise_gate(*stages_[s], rank);
  }
}

// Opens the stage at the rank for slices that all stages before it in the block have completed there.
void CollectiveRun::raise_gate(StageTransfers& transfers, Rank rank) {
  const Stage& stage = transfers.stage();
  const auto own = static_cast<std::uint32_t>(&stage - plan_.stages.data());
  std::uint32_t open = stage.slices, before = 0;
  for (std::uint32_t s = plan_.blocks[transfers.block()].first_stage; s < own; ++s)
    open = std::min(open, stages_[s]->slices_complete(rank));
  if (!transfers.gate.empty()) before = std::exchange(transfers.gate[rank.value], open);
  if (open == before) return;
  for (const std::uint32_t index : transfers.out(rank)) {
    const Place at{transfers, index};
    if (stage.kind == StageKind::kTree) {
      refresh_tree(at);
    } else {
      for (std::uint32_t slice = before; slice < open; ++slice) transfers.allow(index, slice);
    }
    pump(at);
  }
}

// The transfer is over when all of it has been received and acknowledged.
void CollectiveRun::settle(Place at) {
  Transfer& t = at.transfer();
  if (t.done || t.received < at.stage.stage().units()) return;
  for (std::uint32_t s = t.first_slot; s != kNone; s = slots_[s].next) {
    if (slots_[s].unacknowledged != 0) return;
  }
  t.done = true;
  --open_transfers_;
  close_transfer(at);
  complete_one(at.stage.block(), at.stage.stage().from_switch() ? t.destination : t.source);
}

}  // namespace weft::packet
