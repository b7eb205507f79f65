// Point-to-point patterns that fabric testers use. Each message is a rank's whole buffer of S bytes.
#include <fmt/format.h>

#include "fabric/collectives/pairs.h"
#include "fabric/collectives/random.h"

namespace weft::collectives {
namespace {

// Distinct groups draw from distinct seeds.
std::uint64_t group_seed(std::uint64_t seed, std::uint32_t group) {
  return SplitMix64(seed ^ (std::uint64_t{group} * 0xD1B54A32D192ED03ULL)).next();
}

// One step of `count` messages, message_at(x) -> {source, destination}; nobody sends more than one.
template <typename EndsAt>
Schedule one_step(const Build& build, std::string name, std::uint64_t count, EndsAt ends_at) {
  Schedule schedule = start_schedule(build, 1);
  if (count == 0) return schedule;
  schedule.phases.push_back(pair_phase(std::move(name), count, pair_channels(build),
                                       Chunks{build.request.size.count, 1}, false, [=](std::uint64_t x) {
                                         const std::pair<Rank, Rank> ends = ends_at(x);
                                         return PairMessage{ends.first, ends.second, 0, 1, 1};
                                       }));
  schedule.steps = 1;
  schedule.bytes_sent_per_rank = build.request.size;
  return schedule;
}

Schedule shifted(const Build& build, std::string name, std::uint32_t distance) {
  const std::uint32_t n = build.request.group_size;
  const LayoutPtr layout = domain_layout(build);
  return one_step(build, std::move(name), n == 1 ? 0 : build.request.ranks, [=](std::uint64_t x) {
    const auto group = static_cast<std::uint32_t>(x / n), i = static_cast<std::uint32_t>(x % n);
    return std::pair{layout->rank_of_member(group, i),
                     layout->rank_of_member(group, static_cast<std::uint32_t>((std::uint64_t{i} + distance) % n))};
  });
}

}  // namespace

// nccl-tests sendrecv: every member sends to the next.
Expected<Schedule> neighbour_sendrecv(const Build& build) { return shifted(build, "neighbours", 1); }

Expected<Schedule> shift_pattern(const Build& build) {
  const std::uint32_t n = build.request.group_size;
  if (n > 1 && build.request.shift % n == 0)
    return input_error("a shift by a multiple of the group size sends nothing", std::to_string(build.request.shift),
                       fmt::format("shift by 1 to {}", n - 1));
  return shifted(build, "shift", build.request.shift % n);
}

Expected<Schedule> random_permutation(const Build& build) {
  const std::uint32_t n = build.request.group_size;
  const LayoutPtr layout = domain_layout(build);
  auto target = std::make_shared<std::vector<std::uint32_t>>();
  target->reserve(build.request.ranks);
  for (std::uint32_t group = 0; group < build.groups; ++group) {
    const std::vector<std::uint32_t> cycle = random_cycle(n, group_seed(build.request.seed, group));
    target->insert(target->end(), cycle.begin(), cycle.end());
  }
  return one_step(build, "permutation", n == 1 ? 0 : build.request.ranks, [=](std::uint64_t x) {
    const auto group = static_cast<std::uint32_t>(x / n), i = static_cast<std::uint32_t>(x % n);
    return std::pair{layout->rank_of_member(group, i), layout->rank_of_member(group, (*target)[x])};
  });
}

// R = n / (N + 1) receivers, members root, root + 1, ...; sender m of receiver k is member root + k + m R. So the
// senders of one receiver are as far apart as the group allows. Members left over are idle.
Expected<Schedule> strided_incast(const Build& build) {
  const std::uint32_t n = build.request.group_size;
  const std::uint32_t fan_in = build.request.fan_in == 0 ? n - 1 : build.request.fan_in;
  if (fan_in >= n && n > 1)
    return input_error("incast from more senders than the group has", std::to_string(fan_in),
                       fmt::format("a group of {} allows {} senders to a receiver", n, n - 1));
  const std::uint32_t receivers = n / (fan_in + 1);
  const std::uint64_t messages = std::uint64_t{receivers} * fan_in;
  const LayoutPtr layout = domain_layout(build);
  return one_step(build, "incast", n == 1 ? 0 : messages * build.groups,
                  [=, root = build.request.root](std::uint64_t x) {
                    const auto group = static_cast<std::uint32_t>(x / messages);
                    const std::uint64_t sender = receivers + x % messages;
                    const auto member = [=](std::uint64_t i) { return static_cast<std::uint32_t>((i + root) % n); };
                    return std::pair{layout->rank_of_member(group, member(sender)),
                                     layout->rank_of_member(group, member(sender % receivers))};
                  });
}

// Two random halves; the i-th of each exchange. The odd one out is idle.
Expected<Schedule> random_bisection(const Build& build) {
  const std::uint32_t n = build.request.group_size, half = n / 2;
  const LayoutPtr layout = domain_layout(build);
  auto order = std::make_shared<std::vector<std::uint32_t>>();
  order->reserve(build.request.ranks);
  for (std::uint32_t group = 0; group < build.groups; ++group) {
    const std::vector<std::uint32_t> drawn = random_order(n, group_seed(build.request.seed, group));
    order->insert(order->end(), drawn.begin(), drawn.end());
  }
  return one_step(build, "bisection", std::uint64_t{build.groups} * half * 2, [=](std::uint64_t x) {
    const std::uint64_t group = x / (half * 2ULL), i = x % (half * 2ULL);
    const std::uint64_t partner = i < half ? i + half : i - half;
    const auto rank = [&](std::uint64_t at) {
      return layout->rank_of_member(static_cast<std::uint32_t>(group), (*order)[group * n + at]);
    };
    return std::pair{rank(i), rank(partner)};
  });
}

}  // namespace weft::collectives
