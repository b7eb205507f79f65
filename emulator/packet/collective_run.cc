// Ranks on their way through the blocks of a plan.
#include "emulator/packet/collective_run.h"

#include <utility>

namespace weft::packet {
namespace {

constexpr std::uint32_t kMostSlots = 1U << 27;

}  // namespace

CollectiveRun::CollectiveRun(Network& network, const Forwarding& forwarding, const Schedule& schedule, const Plan& plan,
                             std::function<void()> on_end)
    : network_(network),
      forwarding_(forwarding),
      schedule_(schedule),
      plan_(plan),
      on_end_(std::move(on_end)),
      mtu_(network.topology().spec().transport.mtu),
      stages_(plan.stages.size()),
      blocks_(plan.blocks.size()),
      position_(schedule.ranks, 0),
      slots_(kMostSlots),
      bytes_to_deliver_(plan.bytes),
      phases_(schedule.phases.size()) {
  network_.add_listener(this);
}

void CollectiveRun::start() {
  for (std::uint32_t rank = 0; rank < schedule_.ranks && !error_; ++rank) enter(Rank{rank});
  close_blocks();
}

// Goes as far as the rank can go at once: blocks without a transfer of its own are passed.
void CollectiveRun::enter(Rank rank) {
  for (; position_[rank.value] < plan_.blocks.size(); ++position_[rank.value]) {
    const std::uint32_t block = position_[rank.value];
    if (!blocks_[block]) open_block(block);
    const Block& range = plan_.blocks[block];
    for (std::uint32_t s = range.first_stage; s < range.first_stage + range.stage_count; ++s) {
      for (const std::uint32_t index : stages_[s]->out(rank)) pump({*stages_[s], index});
    }
    if (error_) return;
    BlockState& state = *blocks_[block];
    if (state.remaining[rank.value] != 0) return;
    if (++state.ranks_done == schedule_.ranks) closing_.push_back(block);
  }
  if (++ranks_done_ == schedule_.ranks) on_end_();
}

void CollectiveRun::open_block(std::uint32_t block) {
  const Block& range = plan_.blocks[block];
  blocks_[block] = std::make_unique<BlockState>();
  std::vector<std::uint32_t>& remaining = blocks_[block]->remaining;
  remaining.assign(schedule_.ranks, 0);
  for (std::uint32_t s = range.first_stage; s < range.first_stage + range.stage_count; ++s) {
    const Stage& stage = plan_.stages[s];
    stages_[s] = std::make_unique<StageTransfers>(stage, block, schedule_.ranks);
    StageTransfers& transfers = *stages_[s];
    open_transfers_ += transfers.transfers().size();
    for (const Transfer& t : transfers.transfers()) {  // at a switch there is no rank
      if (!stage.from_switch()) ++remaining[t.source.value];
      if (!stage.to_switch()) ++remaining[t.destination.value];
    }
    const bool after_up = s > range.first_stage && plan_.stages[s - 1].to_switch();
    WEFT_CHECK(!stage.from_switch() || after_up);  // the switch has nothing of its own
    if (stage.from_switch()) gather_domains(*stages_[s - 1], transfers);
    // Where switches count flows, the order in which these are made decides: that of the edges, as in the fluid engine.
    if (!network_.places_flows()) continue;
    for (std::uint32_t index = 0; index < transfers.transfers().size() && !error_; ++index)
      open_transfer({transfers, index});
  }
  open_gates(block);
}

// What may go without anything having come.
void CollectiveRun::open_gates(std::uint32_t block) {
  const Block& range = plan_.blocks[block];
  for (std::uint32_t s = range.first_stage; s < range.first_stage + range.stage_count; ++s) {
    StageTransfers& transfers = *stages_[s];
    if (!transfers.domains.empty()) continue;
    if (s > range.first_stage) transfers.gate.assign(schedule_.ranks, 0);
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank) raise_gate(transfers, Rank{rank});
  }
}

void CollectiveRun::gather_domains(StageTransfers& up, StageTransfers& down) {
  for (const Transfer& t : up.transfers()) {
    DomainGate& gate = down.domains[domain_key(t.source)];
    ++gate.members;
    gate.arrived.resize(up.stage().slices, 0);
  }
  for (std::uint32_t i = 0; i < down.transfers().size(); ++i)
    down.domains[domain_key(down[i].destination)].down.push_back(i);
}

// Ranks of one group in one scale-up domain.
std::uint64_t CollectiveRun::domain_key(Rank rank) const {
  const std::uint32_t groups = schedule_.ranks / schedule_.group_size;
  const bool packed = schedule_.second_member.value == 1;
  const std::uint32_t group = packed ? rank.value / schedule_.group_size : rank.value % groups;
  return std::uint64_t{network_.topology().domain_of(gpu_of(rank))} << 32U | group;
}

// One of the rank's transfers in the block is complete. Where it was the last, and the rank is there, it goes on.
void CollectiveRun::complete_one(std::uint32_t block, Rank rank) {
  BlockState& state = *blocks_[block];
  if (--state.remaining[rank.value] != 0 || !is_at(block, rank)) return;
  if (++state.ranks_done == schedule_.ranks) closing_.push_back(block);
  ++position_[rank.value];
  enter(rank);
}

// Not where the last transfer completes: its caller still looks at it.
void CollectiveRun::close_blocks() {
  for (const std::uint32_t block : std::exchange(closing_, {})) {
    const Block& range = plan_.blocks[block];
    for (std::uint32_t s = range.first_stage; s < range.first_stage + range.stage_count; ++s) stages_[s].reset();
    blocks_[block].reset();
  }
}

void CollectiveRun::fail(Error error) {
  if (error_) return;
  error_ = std::move(error);
  on_end_();
}

}  // namespace weft::packet
