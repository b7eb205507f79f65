#include "verbs/collective/executor.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weft::verbs {
namespace {

// Elements of a memory, by their numbers.
struct Elements {
  Reduction reduction;
  std::span<std::byte> memory;
  std::uint64_t size = size_of(reduction.type);  // B

  [[nodiscard]] std::span<std::byte> at(std::uint64_t first, std::uint64_t count) const {
    return memory.subspan(first * size, count * size);
  }
  void take(std::span<std::byte> to, std::span<const std::byte> from, bool reduces) const {
    if (to.empty()) return;
    if (reduces)
      reduce(reduction, to, from);
    else
      std::memcpy(to.data(), from.data(), to.size());
  }
};

bool reduces(const Schedule& schedule) {
  return schedule.collective == CollectiveKind::kAllReduce || schedule.collective == CollectiveKind::kReduceScatter;
}

// Nothing is reduced by the others: any number that the type has will do.
Reduction reduction_of(const Schedule& schedule, Reduction asked) {
  return reduces(schedule) ? asked : Reduction(asked.type, RedOp::kMax);
}

// Packed groups: member i of the group is rank i of it.
struct Place {
  std::uint32_t n, member, first;  // first: rank of member 0
  Place(const Schedule& schedule, std::uint32_t rank)
      : n(schedule.group_size), member(rank % n), first(rank - member) {}
};

// Elements [of(i), of(i + 1)) belong to member i.
std::uint64_t part(const Schedule& schedule, std::uint64_t count, std::uint64_t member) {
  const std::uint64_t m = schedule.chunk_grid, chunk = member * (m / schedule.group_size);
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(count) * chunk / m);
}

}  // namespace

Expected<void> execute(const Program& program, Reduction reduction, std::span<std::byte> memory, Mesh& mesh) {
  const Elements all{reduction, memory};
  const Elements staging{reduction, memory.subspan(3 * program.count * all.size)};
  std::vector<Mesh::Send> sends;
  std::vector<Mesh::Receive> receives;
  for (const ProgramStep& step : program.steps) {
    sends.clear();
    receives.clear();
    for (const Outgoing& o : step.sends) sends.push_back({o.peer, all.at(o.from.first, o.from.count)});
    for (const Incoming& i : step.receives) receives.push_back({i.peer, staging.at(i.staging, i.to.count)});
    for (const LocalCopy& copy : step.copies)
      all.take(staging.at(copy.staging, copy.to.count), all.at(copy.from.first, copy.from.count), false);
    if (auto done = mesh.exchange(sends, receives); !done) return done;
    for (const Piece& piece : step.emptied) fill_identity(reduction, all.at(piece.first, piece.count));
    for (const LocalCopy& copy : step.copies)
      all.take(all.at(copy.to.first, copy.to.count), staging.at(copy.staging, copy.to.count), copy.reduce);
    for (const Incoming& i : step.receives)
      all.take(all.at(i.to.first, i.to.count), staging.at(i.staging, i.to.count), i.reduce);
  }
  return {};
}

void fill(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, Reduction asked, std::uint32_t root,
          std::span<std::byte> memory) {
  const Place place(schedule, rank);
  const Elements all{reduction_of(schedule, asked), memory};
  std::uint64_t first = 0, end = count;
  if (schedule.collective == CollectiveKind::kAllGather) {
    first = part(schedule, count, place.member);
    end = part(schedule, count, place.member + 1);
  }
  if (schedule.collective == CollectiveKind::kBroadcast && place.member != root) end = 0;
  // What it does not hold is poison; the switch's buffer begins empty.
  std::ranges::fill(all.at(0, 2 * count), std::byte{0xa5});
  fill_identity(asked, all.at(2 * count, count));
  for (std::uint64_t i = first; i < end; ++i)
    write_number(asked.type, all.at(i, 1).data(), value_of(all.reduction, place.n, place.member, i));
}

std::uint64_t count_wrong(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, Reduction asked,
                          std::uint32_t root, std::span<const std::byte> memory) {
  const Place place(schedule, rank);
  const Reduction reduction = reduction_of(schedule, asked);
  const std::uint64_t size = size_of(reduction.type);
  const auto value = [&](std::uint32_t member, std::uint64_t i) { return value_of(reduction, place.n, member, i); };
  std::uint64_t wrong = 0, first = 0, end = count;
  if (schedule.collective == CollectiveKind::kReduceScatter) {
    first = part(schedule, count, place.member);
    end = part(schedule, count, place.member + 1);
  }
  std::uint32_t owner = 0;
  for (std::uint64_t i = first; i < end; ++i) {
    while (owner + 1 < place.n && part(schedule, count, owner + 1) <= i) ++owner;
    std::uint64_t wanted = 0, element = i;
    switch (schedule.collective) {
      case CollectiveKind::kAllGather:
        wanted = value(owner, i);
        break;
      case CollectiveKind::kBroadcast:
        wanted = value(root, i);
        break;
      case CollectiveKind::kAllToAll:  // what `owner` holds in our part of its buffer
        wanted = value(owner, part(schedule, count, place.member) + i - part(schedule, count, owner));
        element = count + i;
        break;
      default:
        wanted = value(0, i);
        for (std::uint32_t member = 1; member < place.n; ++member)
          wanted = combined(reduction.op, wanted, value(member, i));
    }
    std::array<std::byte, kLargestElement> right{};
    write_number(reduction.type, right.data(), wanted);
    if (std::memcmp(memory.data() + element * size, right.data(), size) != 0) ++wrong;
  }
  return wrong;
}

}  // namespace weft::verbs
