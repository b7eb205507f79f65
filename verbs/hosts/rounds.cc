#include "verbs/hosts/rounds.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace weft::verbs {
namespace {

constexpr std::array kNames{std::pair{Shape::kMatrix, "matrix"},         std::pair{Shape::kShift, "shift"},
                            std::pair{Shape::kOneToMany, "one_to_many"}, std::pair{Shape::kManyToOne, "many_to_one"},
                            std::pair{Shape::kBisection, "bisection"},   std::pair{Shape::kRing, "ring"},
                            std::pair{Shape::kAllAtOnce, "all_at_once"}};

void add_turned(Rounds& rounds, const std::vector<HostFlow>& flows) {
  std::vector<HostFlow> turned;
  for (const HostFlow& flow : flows) turned.push_back({flow.to, flow.from});
  rounds.push_back(std::move(turned));
}

// The circle method of round-robin tournaments: one place is fixed, the others turn by one each round, opposite places
// meet. With odd n the fixed place is empty.
Rounds matrix(std::uint32_t hosts, bool both_ways) {
  Rounds rounds;
  const std::uint32_t turning = hosts % 2 == 0 ? hosts - 1 : hosts;
  for (std::uint32_t round = 0; round < turning; ++round) {
    std::vector<HostFlow> flows;
    if (hosts % 2 == 0) flows.push_back({round, hosts - 1});
    for (std::uint32_t i = 1; i <= (turning - 1) / 2; ++i)
      flows.push_back({(round + i) % turning, (round + turning - i) % turning});
    rounds.push_back(flows);
    if (!both_ways) add_turned(rounds, flows);
  }
  return rounds;
}

// With both ways at once, shifts r and n - r are the same pairs, and half of the shift by n / 2 is.
Rounds shift(std::uint32_t hosts, bool both_ways) {
  Rounds rounds;
  const std::uint32_t last = both_ways ? hosts / 2 : hosts - 1;
  for (std::uint32_t by = 1; by <= last; ++by) {
    std::vector<HostFlow> flows;
    const std::uint32_t senders = both_ways && 2 * by == hosts ? by : hosts;
    for (std::uint32_t from = 0; from < senders; ++from) flows.push_back({from, (from + by) % hosts});
    rounds.push_back(std::move(flows));
  }
  return rounds;
}

std::vector<HostFlow> around_hub(std::uint32_t hosts, std::uint32_t hub, bool outwards) {
  std::vector<HostFlow> flows;
  for (std::uint32_t other = 0; other < hosts; ++other)
    if (other != hub) flows.push_back(outwards ? HostFlow{hub, other} : HostFlow{other, hub});
  return flows;
}

std::vector<HostFlow> all_pairs(std::uint32_t hosts, bool both_ways) {
  std::vector<HostFlow> flows;
  for (std::uint32_t from = 0; from < hosts; ++from)
    for (std::uint32_t to = both_ways ? from + 1 : 0; to < hosts; ++to)
      if (from != to) flows.push_back({from, to});
  return flows;
}

Rounds bisection(std::uint32_t hosts, bool both_ways) {
  std::vector<HostFlow> flows;
  for (std::uint32_t i = 0; i < hosts / 2; ++i) flows.push_back({i, i + (hosts + 1) / 2});
  Rounds rounds{flows};
  if (!both_ways) add_turned(rounds, flows);
  return rounds;
}

std::vector<HostFlow> ring(std::uint32_t hosts, bool both_ways) {
  std::vector<HostFlow> flows;
  const std::uint32_t links = both_ways && hosts == 2 ? 1 : hosts;
  for (std::uint32_t from = 0; from < links; ++from) flows.push_back({from, (from + 1) % hosts});
  return flows;
}

}  // namespace

Expected<Rounds> make_rounds(Shape shape, std::uint32_t hosts, bool both_ways, std::uint32_t hub) {
  if (hosts < 2) return input_error("traffic between hosts needs two of them", fmt::format("{}", hosts));
  if (hosts > kMostHosts)
    return input_error("too many hosts", fmt::format("{}", hosts), fmt::format("at most {}", kMostHosts));
  if (hub >= hosts)
    return input_error("no host has this number", fmt::format("{}", hub), fmt::format("0 to {}", hosts - 1));
  const std::size_t pairs = std::size_t{hosts} * (hosts - 1) / (both_ways ? 2 : 1);
  const bool every_pair = shape == Shape::kMatrix || shape == Shape::kShift || shape == Shape::kAllAtOnce;
  if (every_pair && pairs > kMostFlows)
    return input_error("too many pairs", fmt::format("{}", pairs),
                       fmt::format("at most {}: fewer hosts, or bisection or ring", kMostFlows));
  switch (shape) {
    case Shape::kMatrix:
      return matrix(hosts, both_ways);
    case Shape::kShift:
      return shift(hosts, both_ways);
    case Shape::kOneToMany:
      return Rounds{around_hub(hosts, hub, true)};
    case Shape::kManyToOne:
      return Rounds{around_hub(hosts, hub, false)};
    case Shape::kBisection:
      return bisection(hosts, both_ways);
    case Shape::kRing:
      return Rounds{ring(hosts, both_ways)};
    case Shape::kAllAtOnce:
      return Rounds{all_pairs(hosts, both_ways)};
  }
  return input_error("no such shape");
}

const char* to_text(Shape shape) {
  for (const auto& [value, name] : kNames)
    if (value == shape) return name;
  return "?";
}

Expected<Shape> parse_shape(std::string_view text) {
  std::string all;
  for (const auto& [value, name] : kNames) {
    if (text == name) return value;
    all += all.empty() ? name : fmt::format(", {}", name);
  }
  return input_error("no such shape of traffic", std::string(text), all);
}

}  // namespace weft::verbs
