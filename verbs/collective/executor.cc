#include "verbs/collective/executor.h"

#include <algorithm>
#include <cstring>

namespace weft::verbs {
namespace {

std::span<std::byte> at(std::span<std::byte> memory, std::uint64_t first, std::uint64_t count) {
  return memory.subspan(first * kElementSize, count * kElementSize);
}

// Integers as unsigned, for repeated sums wrap.
template <typename T>
void add(std::byte* into, const std::byte* from, std::uint64_t count) {
  T* const to = reinterpret_cast<T*>(into);
  const T* const values = reinterpret_cast<const T*>(from);
  for (std::uint64_t i = 0; i < count; ++i) to[i] += values[i];
}

void apply(DataType type, std::span<std::byte> to, std::span<const std::byte> from, bool reduce) {
  if (to.empty()) return;
  if (!reduce)
    std::memcpy(to.data(), from.data(), to.size());
  else if (type == DataType::kInt32)
    add<std::uint32_t>(to.data(), from.data(), to.size() / kElementSize);
  else
    add<float>(to.data(), from.data(), to.size() / kElementSize);
}

// Below 1009: sums over 16,000 ranks stay below 2^24, where float is exact.
std::uint32_t value_of(std::uint32_t rank, std::uint64_t element) {
  return static_cast<std::uint32_t>((element * 7 + rank * 131ULL + 1) % 1009);
}

std::uint32_t read(DataType type, std::span<const std::byte> memory, std::uint64_t element) {
  const std::byte* const place = memory.data() + element * kElementSize;
  if (type == DataType::kInt32) {
    std::int32_t value = 0;
    std::memcpy(&value, place, sizeof value);
    return static_cast<std::uint32_t>(value);
  }
  float value = 0;
  std::memcpy(&value, place, sizeof value);
  return value >= 0 && value < 4e9F && value == static_cast<float>(static_cast<std::uint32_t>(value))
             ? static_cast<std::uint32_t>(value)
             : ~0U;
}

void write(DataType type, std::span<std::byte> memory, std::uint64_t element, std::uint32_t number) {
  std::byte* const place = memory.data() + element * kElementSize;
  if (type == DataType::kInt32) {
    const auto value = static_cast<std::int32_t>(number);
    std::memcpy(place, &value, sizeof value);
  } else {
    const auto value = static_cast<float>(number);
    std::memcpy(place, &value, sizeof value);
  }
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

const char* to_text(DataType type) { return type == DataType::kInt32 ? "int32" : "float"; }

Expected<DataType> parse_data_type(const std::string& text) {
  if (text == "int32") return DataType::kInt32;
  if (text == "float") return DataType::kFloat;
  return input_error("no such data type", text, "int32 or float");
}

Expected<void> execute(const Program& program, DataType type, std::span<std::byte> memory, Mesh& mesh) {
  const std::span<std::byte> staging = memory.subspan(3 * program.count * kElementSize);
  std::vector<Mesh::Send> sends;
  std::vector<Mesh::Receive> receives;
  for (const ProgramStep& step : program.steps) {
    sends.clear();
    receives.clear();
    for (const Outgoing& o : step.sends) sends.push_back({o.peer, at(memory, o.from.first, o.from.count)});
    for (const Incoming& i : step.receives) receives.push_back({i.peer, at(staging, i.staging, i.to.count)});
    for (const LocalCopy& copy : step.copies)
      apply(type, at(staging, copy.staging, copy.to.count), at(memory, copy.from.first, copy.from.count), false);
    if (auto done = mesh.exchange(sends, receives); !done) return done;
    for (const Piece& piece : step.emptied) std::ranges::fill(at(memory, piece.first, piece.count), std::byte{0});
    for (const LocalCopy& copy : step.copies)
      apply(type, at(memory, copy.to.first, copy.to.count), at(staging, copy.staging, copy.to.count), copy.reduce);
    for (const Incoming& i : step.receives)
      apply(type, at(memory, i.to.first, i.to.count), at(staging, i.staging, i.to.count), i.reduce);
  }
  return {};
}

void fill(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, DataType type, std::uint32_t root,
          std::span<std::byte> memory) {
  const Place place(schedule, rank);
  std::uint64_t first = 0, end = count;
  if (schedule.collective == CollectiveKind::kAllGather) {
    first = part(schedule, count, place.member);
    end = part(schedule, count, place.member + 1);
  }
  if (schedule.collective == CollectiveKind::kBroadcast && place.member != root) end = 0;
  // What it does not hold is poison; the switch's buffer begins empty.
  std::ranges::fill(memory.first(2 * count * kElementSize), std::byte{0xa5});
  std::ranges::fill(at(memory, 2 * count, count), std::byte{0});
  for (std::uint64_t i = first; i < end; ++i) write(type, memory, i, value_of(rank, i));
}

std::uint64_t count_wrong(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, DataType type,
                          std::uint32_t root, std::span<const std::byte> memory) {
  const Place place(schedule, rank);
  std::uint64_t wrong = 0, first = 0, end = count;
  if (schedule.collective == CollectiveKind::kReduceScatter) {
    first = part(schedule, count, place.member);
    end = part(schedule, count, place.member + 1);
  }
  std::uint32_t owner = 0;
  for (std::uint64_t i = first; i < end; ++i) {
    while (owner + 1 < place.n && part(schedule, count, owner + 1) <= i) ++owner;
    std::uint32_t wanted = 0;
    std::uint64_t element = i;
    switch (schedule.collective) {
      case CollectiveKind::kAllGather:
        wanted = value_of(place.first + owner, i);
        break;
      case CollectiveKind::kBroadcast:
        wanted = value_of(place.first + root, i);
        break;
      case CollectiveKind::kAllToAll:  // what `owner` holds in our part of its buffer
        wanted = value_of(place.first + owner, part(schedule, count, place.member) + i - part(schedule, count, owner));
        element = count + i;
        break;
      default:
        for (std::uint32_t member = 0; member < place.n; ++member) wanted += value_of(place.first + member, i);
    }
    if (read(type, memory, element) != wanted) ++wrong;
  }
  return wrong;
}

}  // namespace weft::verbs
