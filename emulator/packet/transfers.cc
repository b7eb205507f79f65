#include "emulator/packet/transfers.h"

#include <algorithm>

namespace weft::packet {
namespace {

// Indices of transfers by the rank that `end` names, in order.
template <typename End>
void index_by(const std::vector<Transfer>& transfers, std::uint32_t ranks, bool none, End end,
              std::vector<std::uint32_t>& list, std::vector<std::uint32_t>& first) {
  first.assign(std::size_t{ranks} + 1, 0);
  if (none) return;
  for (const Transfer& t : transfers) ++first[end(t).value + 1];
  for (std::uint32_t r = 0; r < ranks; ++r) first[r + 1] += first[r];
  list.resize(transfers.size());
  for (std::uint32_t i = 0; i < transfers.size(); ++i) list[first[end(transfers[i]).value]++] = i;
  for (std::uint32_t r = ranks; r > 0; --r) first[r] = first[r - 1];
  first[0] = 0;
}

}  // namespace

StageTransfers::StageTransfers(const Stage& stage, std::uint32_t block, std::uint32_t ranks)
    : stage_(&stage), block_(block) {
  transfers_.reserve(stage.phase->edge_count);
  stage.edges([&](const Edge& edge) {
    Transfer& t = transfers_.emplace_back();
    t.source = edge.source;
    t.destination = edge.destination;
    t.lane = edge.lane;
    t.lanes = static_cast<std::uint16_t>(edge.lanes);
    t.channel = edge.channel;
    t.bytes = static_cast<std::uint64_t>(edge.bytes.count);
  });
  // What goes to or comes from the domain's switch has only one rank at its ends.
  index_by(
      transfers_, ranks, stage.to_switch(), [](const Transfer& t) { return t.destination; }, in_, in_first_);
  index_by(
      transfers_, ranks, stage.from_switch(), [](const Transfer& t) { return t.source; }, out_, out_first_);
  if (stage.steps > 1 && stage.slices > 1) orders_.resize(transfers_.size());
}

std::uint32_t StageTransfers::slices_complete(Rank rank) const {
  std::uint32_t least = stage_->slices;
  for (const std::uint32_t i : in(rank)) least = std::min(least, transfers_[i].slices_received);
  return least;
}

std::uint32_t StageTransfers::slices_to_pass_on(const Transfer& transfer) const {
  std::uint32_t least = stage_->slices;
  for (const std::uint32_t i : in(transfer.source)) {
    if (transfers_[i].shares_lane(transfer)) least = std::min(least, transfers_[i].slices_received);
  }
  return least;
}

}  // namespace weft::packet
