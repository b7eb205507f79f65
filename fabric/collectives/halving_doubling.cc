// Recursive halving and doubling, over positions so that the near partners, which exchange most, share a host.
// Source: Rabenseifner, ICCS 2004; Thakur, Rabenseifner, Gropp, IJHPCA 2005, section 4.
//
// Ranks beyond the largest power of two P fold in: each sends its whole buffer to a partner before, and receives the
// result after.
#include <bit>

#include "fabric/collectives/pairs.h"

namespace weft::collectives {
namespace {

// Position i of [0, extra) has partner P + i.
Phase fold(const LayoutPtr& layout, std::uint32_t power, std::uint32_t channels, Chunks chunks, bool in) {
  const std::uint32_t extra = layout->group_size() - power;
  return pair_phase(
      in ? "fold in" : "fold out", std::uint64_t{layout->groups()} * extra, channels, chunks, in, [=](std::uint64_t x) {
        const auto group = static_cast<std::uint32_t>(x / extra), i = static_cast<std::uint32_t>(x % extra);
        const Rank outer = layout->rank_at(group, power + i), inner = layout->rank_at(group, i);
        return in ? PairMessage{outer, inner, 0, 0, chunks.m} : PairMessage{inner, outer, 0, 0, chunks.m};
      });
}

// Position i keeps, after `level` halvings, the chunks that bits 0 .. level-1 of i choose, the lowest bit first.
std::uint64_t kept_begin(std::uint32_t i, std::uint32_t level, std::uint64_t m) {
  std::uint64_t begin = 0;
  for (std::uint32_t bit = 0; bit < level; ++bit)
    if ((i >> bit & 1) != 0) begin += m >> (bit + 1);
  return begin;
}

// Exchange with the position at distance 2^bit: what the partner keeps (reduce), or what one has (gather).
Phase exchange(const LayoutPtr& layout, std::uint32_t power, std::uint32_t channels, Chunks chunks, std::uint32_t bit,
               bool reduce) {
  return pair_phase(reduce ? "halving" : "doubling", std::uint64_t{layout->groups()} * power, channels, chunks, reduce,
                    [=](std::uint64_t x) {
                      const auto group = static_cast<std::uint32_t>(x / power),
                                 i = static_cast<std::uint32_t>(x % power);
                      const std::uint32_t partner = i ^ (1U << bit);
                      const std::uint64_t chunk = kept_begin(reduce ? partner : i, bit + 1, chunks.m);
                      return PairMessage{layout->rank_at(group, i), layout->rank_at(group, partner), chunk, chunk,
                                         chunks.m >> (bit + 1)};
                    });
}

// Every phase is one step; the busiest rank is one that also sends the result to a folded one.
Schedule finish(Schedule schedule, Bytes exchanged, bool folded) {
  schedule.bytes_sent_per_rank = folded ? exchanged + schedule.size : exchanged;
  schedule.steps = schedule.phases.size();
  return schedule;
}

}  // namespace

Expected<Schedule> halving_doubling_all_reduce(const Build& build) {
  const LayoutPtr layout = host_layout(build);
  const std::uint32_t n = build.request.group_size, power = std::bit_floor(n);
  const auto levels = static_cast<std::uint32_t>(std::bit_width(power)) - 1;
  const std::uint32_t channels = pair_channels(build);
  const Chunks chunks{build.request.size.count, power};
  Schedule schedule = start_schedule(build, power);
  if (power < n) schedule.phases.push_back(fold(layout, power, channels, chunks, true));
  Bytes exchanged{};
  for (std::uint32_t bit = 0; bit < levels; ++bit) {
    schedule.phases.push_back(exchange(layout, power, channels, chunks, bit, true));
    exchanged = exchanged + chunks.largest_of(2ULL << bit) * 2;
  }
  for (std::uint32_t bit = levels; bit-- > 0;)
    schedule.phases.push_back(exchange(layout, power, channels, chunks, bit, false));
  if (power < n) schedule.phases.push_back(fold(layout, power, channels, chunks, false));
  return finish(std::move(schedule), exchanged, power < n);
}

Expected<Schedule> recursive_doubling_all_reduce(const Build& build) {
  const LayoutPtr layout = host_layout(build);
  const std::uint32_t n = build.request.group_size, power = std::bit_floor(n);
  const auto levels = static_cast<std::uint32_t>(std::bit_width(power)) - 1;
  const std::uint32_t channels = pair_channels(build);
  const Chunks chunks{build.request.size.count, 1};
  Schedule schedule = start_schedule(build, 1);
  if (power < n) schedule.phases.push_back(fold(layout, power, channels, chunks, true));
  for (std::uint32_t bit = 0; bit < levels; ++bit)
    schedule.phases.push_back(
        pair_phase("doubling", std::uint64_t{layout->groups()} * power, channels, chunks, true, [=](std::uint64_t x) {
          const auto group = static_cast<std::uint32_t>(x / power);
          const auto i = static_cast<std::uint32_t>(x % power);
          return PairMessage{layout->rank_at(group, i), layout->rank_at(group, i ^ (1U << bit))};
        }));
  if (power < n) schedule.phases.push_back(fold(layout, power, channels, chunks, false));
  return finish(std::move(schedule), build.request.size * levels, power < n);
}

}  // namespace weft::collectives
