#include "verbs/collective/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weft::verbs {
namespace {

class Compiler {
 public:
  Compiler(const Schedule& schedule, std::uint32_t rank, std::uint64_t count) : schedule_(schedule), rank_(rank) {
    program_.count = count;
  }

  Expected<Program> compile() {
    for (const Phase& phase : schedule_.phases)
      for (std::uint64_t step = 0; step < phase.move_steps(); ++step) {
        step_ = {};
        staged_ = 0;
        phase.moves(step, [&](const Move& move) { take(move); });
        if (wrong_)
          return input_error("a move's ends differ in length", fmt::format("{} elements", program_.count),
                             "a count that the ranks divide");
        program_.staging = std::max(program_.staging, staged_);
        if (!step_.sends.empty() || !step_.receives.empty() || !step_.copies.empty())
          program_.steps.push_back(std::move(step_));
      }
    return std::move(program_);
  }

 private:
  // Chunk boundaries as the schedule's, in elements.
  [[nodiscard]] std::uint64_t boundary(std::uint64_t chunk) const {
    const std::uint64_t m = schedule_.chunk_grid, region = std::min<std::uint64_t>(chunk / m, 1);
    const auto within = static_cast<unsigned __int128>(program_.count) * (chunk - region * m) / m;
    return region * program_.count + static_cast<std::uint64_t>(within);
  }
  [[nodiscard]] Piece piece(std::uint64_t chunk, std::uint64_t chunks, bool of_switch) const {
    const std::uint64_t first = boundary(chunk), end = boundary(chunk + chunks);
    return {first + (of_switch ? 2 * program_.count : 0), end - first};
  }

  void take(const Move& move) {
    const bool sends = move.source.value == rank_, receives = move.destination.value == rank_;
    if (!sends && !receives) return;
    const Piece from = piece(move.source_chunk, move.chunks, move.hop == Hop::kFromSwitch);
    const Piece to = piece(move.destination_chunk, move.chunks, move.hop == Hop::kToSwitch);
    wrong_ = wrong_ || from.count != to.count;
    if (from.count == 0) return;
    if (sends && move.hop == Hop::kFromSwitch) step_.emptied.push_back(from);
    if (sends && receives) {
      step_.copies.push_back({from, to, move.reduce, staged_});
    } else if (sends) {
      step_.sends.push_back({move.destination.value, from});
      program_.peers.insert(move.destination.value);
      program_.sent += from.count;
      return;
    } else {
      step_.receives.push_back({move.source.value, to, move.reduce, staged_});
      program_.peers.insert(move.source.value);
    }
    staged_ += from.count;
  }

  const Schedule& schedule_;
  std::uint32_t rank_;
  Program program_;
  ProgramStep step_;
  std::uint64_t staged_ = 0;
  bool wrong_ = false;
};

}  // namespace

std::uint64_t movable_count(const Schedule& schedule, std::uint64_t count) {
  if (schedule.collective != CollectiveKind::kAllToAll) return count;
  return count / schedule.chunk_grid * schedule.chunk_grid;
}

Expected<Program> compile(const Schedule& schedule, std::uint32_t rank, std::uint64_t count) {
  return Compiler(schedule, rank, count).compile();
}

}  // namespace weft::verbs
