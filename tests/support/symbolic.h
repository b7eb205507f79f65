// Runs a Schedule on symbolic data: what every rank's chunks are made of, counted, so that a contribution that is
// missing, doubled or misplaced shows.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fabric/collectives/collectives.h"

namespace weft::testing {

// The multiset of tokens that a chunk is the sum of, sorted. Token: rank * chunk_grid + chunk at the start.
using Value = std::vector<std::uint64_t>;

class SymbolicRun {
 public:
  SymbolicRun(const Schedule& schedule, Grouping grouping, std::uint32_t root)
      : schedule_(schedule),
        grouping_(grouping),
        root_(root),
        n_(schedule.group_size),
        m_(schedule.chunk_grid),
        buffers_(schedule.ranks, std::vector<Value>(2 * schedule.chunk_grid)) {
    for (std::uint32_t rank = 0; rank < schedule.ranks; ++rank)
      for (std::uint64_t chunk = 0; chunk < m_; ++chunk)
        if (holds_at_start(rank, chunk)) buffers_[rank][chunk] = {token(rank, chunk)};
  }

  void run() {
    for (const Phase& phase : schedule_.phases)
      for (std::uint64_t step = 0; step < phase.move_steps(); ++step) run_step(phase, step);
  }

  // Empty, or the first chunk that is wrong.
  [[nodiscard]] std::string fault() const {
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank)
      for (std::uint64_t chunk = 0; chunk < m_; ++chunk) {
        const Value want = wanted(rank, chunk);
        const std::uint64_t at = chunk + (in_place() ? 0 : m_);
        if (!want.empty() && buffers_[rank][at] != want)
          return fmt::format("{} {} n={}: rank {} chunk {} holds {} tokens, not the {} wanted",
                             name_of(schedule_.collective), schedule_.algorithm, n_, rank, at,
                             buffers_[rank][at].size(), want.size());
      }
    return {};
  }

 private:
  [[nodiscard]] std::uint32_t groups() const { return schedule_.ranks / n_; }
  [[nodiscard]] std::uint32_t member_of(std::uint32_t rank) const {
    return grouping_ == Grouping::kPacked ? rank % n_ : rank / groups();
  }
  [[nodiscard]] std::uint32_t rank_of(std::uint32_t like, std::uint32_t member) const {
    return grouping_ == Grouping::kPacked ? like / n_ * n_ + member : like % groups() + member * groups();
  }
  [[nodiscard]] std::uint64_t token(std::uint32_t rank, std::uint64_t chunk) const { return rank * m_ + chunk; }
  // Member whose result or contribution a chunk is, in all_gather and reduce_scatter.
  [[nodiscard]] std::uint32_t owner(std::uint64_t chunk) const { return static_cast<std::uint32_t>(chunk / (m_ / n_)); }
  [[nodiscard]] bool in_place() const {
    return schedule_.collective != CollectiveKind::kAllToAll && schedule_.collective != CollectiveKind::kSendRecv;
  }
  [[nodiscard]] bool holds_at_start(std::uint32_t rank, std::uint64_t chunk) const {
    if (schedule_.collective == CollectiveKind::kAllGather) return owner(chunk) == member_of(rank);
    if (schedule_.collective == CollectiveKind::kBroadcast) return member_of(rank) == root_;
    return true;
  }
  // Empty: anything goes.
  [[nodiscard]] Value wanted(std::uint32_t rank, std::uint64_t chunk) const {
    switch (schedule_.collective) {
      case CollectiveKind::kAllGather:
        return {token(rank_of(rank, owner(chunk)), chunk)};
      case CollectiveKind::kBroadcast:
        return {token(rank_of(rank, root_), chunk)};
      case CollectiveKind::kAllToAll:
        return {token(rank_of(rank, static_cast<std::uint32_t>(chunk)), member_of(rank))};
      case CollectiveKind::kSendRecv:
        return n_ == 1 ? Value{} : Value{token(rank_of(rank, (member_of(rank) + n_ - 1) % n_), chunk)};
      case CollectiveKind::kReduceScatter:
        if (owner(chunk) != member_of(rank)) return {};
        break;
      default:
        break;
    }
    Value all;
    for (std::uint32_t member = 0; member < n_; ++member) all.push_back(token(rank_of(rank, member), chunk));
    std::sort(all.begin(), all.end());
    return all;
  }

  static void add(Value& into, const Value& value) {
    const auto middle = static_cast<std::ptrdiff_t>(into.size());
    into.insert(into.end(), value.begin(), value.end());
    std::inplace_merge(into.begin(), into.begin() + middle, into.end());
  }

  void run_step(const Phase& phase, std::uint64_t step) {
    struct Write {
      Move move;
      std::vector<Value> values;
    };
    std::vector<Write> writes;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> emptied;
    phase.moves(step, [&](const Move& move) {
      Write write{move, {}};
      for (std::uint64_t i = 0; i < move.chunks; ++i) {
        const std::uint64_t chunk = move.source_chunk + i;
        if (move.hop == Hop::kFromSwitch) {
          write.values.push_back(switches_[{move.source.value, chunk}]);
          emptied.emplace_back(move.source.value, chunk);
        } else {
          write.values.push_back(buffers_.at(move.source.value).at(chunk));
        }
      }
      writes.push_back(std::move(write));
    });
    for (const auto& key : emptied) switches_.erase(key);
    for (const Write& write : writes)
      for (std::uint64_t i = 0; i < write.move.chunks; ++i) {
        const std::uint64_t chunk = write.move.destination_chunk + i;
        Value& into = write.move.hop == Hop::kToSwitch ? switches_[{write.move.destination.value, chunk}]
                                                       : buffers_.at(write.move.destination.value).at(chunk);
        if (write.move.reduce)
          add(into, write.values[i]);
        else
          into = write.values[i];
      }
  }

  const Schedule& schedule_;
  Grouping grouping_;
  std::uint32_t root_, n_;
  std::uint64_t m_;
  std::vector<std::vector<Value>> buffers_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, Value> switches_;  // by owner and chunk
};

// Empty when every rank ends with the right result.
[[nodiscard]] inline std::string prove(const Schedule& schedule, Grouping grouping = Grouping::kPacked,
                                       std::uint32_t root = 0) {
  SymbolicRun run(schedule, grouping, root);
  run.run();
  return run.fault();
}

// Bytes by (source, destination) over a whole phase. Towards and from a switch only one end counts.
using PairBytes = std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t>;

inline PairBytes bytes_of_edges(const Phase& phase) {
  PairBytes bytes;
  const auto add = [&](const Edge& edge) {
    const std::int64_t sent = edge.bytes.count * (phase.varying ? 1 : static_cast<std::int64_t>(phase.repeat));
    const std::uint32_t from = phase.via == Via::kScaleUpMulticast ? 0 : edge.source.value;
    const std::uint32_t to = phase.via == Via::kScaleUpReduce ? 0 : edge.destination.value;
    bytes[{from, to}] += sent;
  };
  if (!phase.varying) phase.edges(0, phase.edge_count, add);
  for (std::uint64_t step = 0; phase.varying && step < phase.repeat; ++step)
    phase.edges_at(step, 0, phase.edge_count, add);
  return bytes;
}

inline PairBytes bytes_of_moves(const Schedule& schedule, const Phase& phase) {
  PairBytes bytes;
  const auto begin = [&](std::uint64_t chunk) {
    return static_cast<std::int64_t>(static_cast<unsigned __int128>(schedule.size.count) * chunk / schedule.chunk_grid);
  };
  for (std::uint64_t step = 0; step < phase.move_steps(); ++step)
    phase.moves(step, [&](const Move& move) {
      const std::int64_t sent = begin(move.source_chunk + move.chunks) - begin(move.source_chunk);
      const std::uint32_t from = move.hop == Hop::kFromSwitch ? 0 : move.source.value;
      const std::uint32_t to = move.hop == Hop::kToSwitch ? 0 : move.destination.value;
      if (move.hop == Hop::kDirect && move.source == move.destination) return;
      bytes[{from, to}] += sent;
    });
  return bytes;
}

// The most that one rank sends, by the edges; what a switch sends down does not count.
inline std::int64_t busiest_rank(const Schedule& schedule) {
  std::map<std::uint32_t, std::int64_t> sent;
  for (const Phase& phase : schedule.phases)
    if (phase.via != Via::kScaleUpMulticast)
      for (const auto& [pair, bytes] : bytes_of_edges(phase)) sent[pair.first] += bytes;
  std::int64_t most = 0;
  for (const auto& [rank, bytes] : sent) most = std::max(most, bytes);
  return most;
}

// Empty when edges and moves connect the same pairs with the same bytes. Where S does not divide into the chunk
// grid, an edge counts every chunk as large as the largest, so moves may carry less, but by no more than
// a byte a chunk.
[[nodiscard]] inline std::string compare_edges_and_moves(const Schedule& schedule) {
  const bool exact = schedule.size.count % static_cast<std::int64_t>(schedule.chunk_grid) == 0;
  for (const Phase& phase : schedule.phases) {
    const PairBytes edges = bytes_of_edges(phase), moves = bytes_of_moves(schedule, phase);
    if (edges.size() != moves.size())
      return fmt::format("{}: {} pairs by edges, {} by moves", phase.name, edges.size(), moves.size());
    const auto slack = exact ? 0 : static_cast<std::int64_t>(phase.repeat * schedule.chunk_grid);
    for (auto edge = edges.begin(), move = moves.begin(); edge != edges.end(); ++edge, ++move)
      if (edge->first != move->first || edge->second < move->second || edge->second > move->second + slack)
        return fmt::format("{}: edges {}>{} {} bytes, moves {}>{} {} bytes", phase.name, edge->first.first,
                           edge->first.second, edge->second, move->first.first, move->first.second, move->second);
  }
  return {};
}

}  // namespace weft::testing
