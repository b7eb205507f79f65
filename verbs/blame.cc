#include "verbs/blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace weft::verbs {
namespace {

constexpr double kNearlyAll = 0.75;  // of a suspect's pairs, so that one other slow host in eight does not hide it

struct Group {
  std::vector<std::size_t> members, slow;  // indices of figures
};
using Key = std::pair<Suspect, std::string>;

std::string with_rail(const std::string& host, const std::string& rail) { return host + " rail " + rail; }

// Every suspect that a pair speaks of. A host as a whole is one more: both its ways.
std::vector<Key> suspects_of(const PairFigure& figure, bool rails) {
  std::vector<Key> keys{{Suspect::kSender, figure.from},
                        {Suspect::kReceiver, figure.to},
                        {Suspect::kHost, figure.from},
                        {Suspect::kHost, figure.to}};
  if (!rails || figure.rail.empty()) return keys;
  keys.emplace_back(Suspect::kSender, with_rail(figure.from, figure.rail));
  keys.emplace_back(Suspect::kReceiver, with_rail(figure.to, figure.rail));
  keys.emplace_back(Suspect::kHost, with_rail(figure.from, figure.rail));
  keys.emplace_back(Suspect::kHost, with_rail(figure.to, figure.rail));
  keys.emplace_back(Suspect::kRail, "rail " + figure.rail);
  return keys;
}

std::vector<bool> slow_ones(const std::vector<PairFigure>& figures, const SlowRule& rule) {
  std::vector<double> ended;
  for (const PairFigure& figure : figures)
    if (figure.ended) ended.push_back(figure.gbits);
  const double limit = std::max(rule.least_gbits, rule.of_quartile * quantile(std::move(ended), 0.75));
  std::vector<bool> slow;
  slow.reserve(figures.size());
  for (const PairFigure& figure : figures) slow.push_back(!figure.ended || figure.gbits < limit);
  return slow;
}

// The suspect with the most unexplained slow pairs; fewer pairs in all break a tie.
const std::pair<const Key, Group>* worst(const std::map<Key, Group>& groups, const std::vector<bool>& open) {
  const std::pair<const Key, Group>* found = nullptr;
  std::size_t most = 0;
  for (const auto& entry : groups) {
    const Group& group = entry.second;
    if (static_cast<double>(group.slow.size()) < kNearlyAll * static_cast<double>(group.members.size())) continue;
    const auto left =
        static_cast<std::size_t>(std::ranges::count_if(group.slow, [&](std::size_t i) { return open[i]; }));
    const bool tie = left == most && found != nullptr && group.members.size() < found->second.members.size();
    if (left >= 2 && (left > most || tie)) {
      found = &entry;
      most = left;
    }
  }
  return found;
}

}  // namespace

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::string Blame::sentence() const {
  std::string who;
  switch (suspect) {
    case Suspect::kAll:
      return fmt::format("all {} pairs are slow: {:.2f} Gb/s", of, gbits);
    case Suspect::kPair:
      return fmt::format("pair {} is slow: {:.2f} Gb/s, others have {:.2f}", name, gbits, elsewhere);
    case Suspect::kSender:
      who = fmt::format("{} is slow as a sender", name);
      break;
    case Suspect::kReceiver:
      who = fmt::format("{} is slow as a receiver", name);
      break;
    case Suspect::kHost:
      who = fmt::format("{} is slow both ways", name);
      break;
    case Suspect::kRail:
      who = fmt::format("{} is slow on all hosts", name);
      break;
  }
  return fmt::format("{}: {} of its {} pairs, {:.2f} Gb/s where others have {:.2f}", who, slow, of, gbits, elsewhere);
}

std::vector<Blame> blame(const std::vector<PairFigure>& figures, const SlowRule& rule) {
  std::vector<bool> open = slow_ones(figures, rule);
  const bool rails = std::ranges::any_of(figures, [&](const auto& f) { return f.rail != figures.front().rail; });
  std::map<Key, Group> groups;
  std::vector<double> well;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (!open[i]) well.push_back(figures[i].gbits);
    for (const Key& key : suspects_of(figures[i], rails)) {
      groups[key].members.push_back(i);
      if (open[i]) groups[key].slow.push_back(i);
    }
  }
  const double elsewhere = quantile(well, 0.5);
  const auto median_of = [&](const std::vector<std::size_t>& chosen) {
    std::vector<double> values;
    for (const std::size_t i : chosen) values.push_back(figures[i].gbits);
    return quantile(std::move(values), 0.5);
  };
  std::vector<Blame> found;
  if (figures.size() > 1 && well.empty()) {
    std::vector<double> values;
    for (const PairFigure& figure : figures) values.push_back(figure.gbits);
    return {{Suspect::kAll, "all pairs", figures.size(), figures.size(), quantile(std::move(values), 0.5), 0}};
  }
  while (const auto* entry = worst(groups, open)) {
    const auto& [key, group] = *entry;
    found.push_back({key.first, key.second, group.slow.size(), group.members.size(), median_of(group.slow), elsewhere});
    for (const std::size_t i : group.slow) open[i] = false;
  }
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (!open[i]) continue;
    std::string name = fmt::format("{} > {}", figures[i].from, figures[i].to);
    if (rails) name += " on rail " + figures[i].rail;
    found.push_back({Suspect::kPair, std::move(name), 1, 1, figures[i].gbits, elsewhere});
  }
  return found;
}

}  // namespace weft::verbs
