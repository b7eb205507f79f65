// A Schedule as one rank sees it: step by step, what it sends, receives, adds and copies.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "fabric/error.h"
#include "fabric/schedule.h"

namespace weft::verbs {

// Elements of a rank's memory: [0, n) the buffer, [n, 2n) the receive buffer of collectives that do not work in place,
// [2n, 3n) the buffer of the scale-up switch that this rank stands in for (NVLS), where n is Program::count.
struct Piece {
  std::uint64_t first = 0, count = 0;
};

struct Incoming {
  std::uint32_t peer = 0;
  Piece to;
  bool reduce = false;
  std::uint64_t staging = 0;  // first element of where it arrives
};
struct Outgoing {
  std::uint32_t peer = 0;
  Piece from;
};
struct LocalCopy {
  Piece from, to;
  bool reduce = false;
  std::uint64_t staging = 0;
};

// All reads of a step come before its writes. Messages between two ranks arrive in the order of their sending, and both
// ranks list them in that order.
struct ProgramStep {
  std::vector<Outgoing> sends;
  std::vector<Incoming> receives;
  std::vector<LocalCopy> copies;
  std::vector<Piece> emptied;  // of the switch's buffer, after the reads
};

struct Program {
  std::uint64_t count = 0;         // elements of the buffer
  std::uint64_t staging = 0;       // elements that the largest step needs
  std::uint64_t sent = 0;          // elements in all
  std::vector<ProgramStep> steps;  // without those in which this rank has nothing to do
  std::set<std::uint32_t> peers;

  [[nodiscard]] std::uint64_t memory() const { return 3 * count + staging; }  // elements
};

// Elements that a collective of that many can move: all_to_all needs equal parts, so it is rounded down, as nccl-tests
// do.
[[nodiscard]] std::uint64_t movable_count(const Schedule& schedule, std::uint64_t count);

// Errors: kInput: a move whose ends differ in length.
[[nodiscard]] Expected<Program> compile(const Schedule& schedule, std::uint32_t rank, std::uint64_t count);

}  // namespace weft::verbs
