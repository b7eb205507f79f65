#include "emulator/packet/pfc_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "emulator/packet/network.h"

namespace weft::packet {

void PfcWatch::on_pause(LinkId link, std::uint8_t priority, bool pause, Ps now) {
  const std::uint32_t key = link.value * kPriorities + priority;
  if (pause) {
    since_.try_emplace(key, now);
  } else {
    since_.erase(key);
  }
}

// Paused links that must send before `key` can be resumed: those where frames that came by its link wait.
std::vector<std::uint32_t> PfcWatch::waits_for(std::uint32_t key) const {
  std::vector<std::uint32_t> out;
  const std::uint32_t link = key / kPriorities, priority = key % kPriorities;
  const Port& p = network_.port(LinkId{link});
  if (p.to_switch == kNone) return out;
  for (const std::uint32_t next : network_.ports_of(p.to_switch)) {
    if (!since_.contains(next * kPriorities + priority)) continue;
    for (std::uint32_t f = network_.lane(network_.port(LinkId{next}), priority).queue.head; f != kNone;
         f = network_.frame(f).next) {
      if (network_.frame(f).in_link != link) continue;
      out.push_back(next * kPriorities + priority);
      break;
    }
  }
  return out;
}

void PfcWatch::look(Ps now) {
  std::vector<std::uint32_t> keys;
  for (const auto& [key, since] : since_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  find_cycles(keys, now);
  // A storm is named by its root: a link paused for long whose own switch waits for no other paused link.
  for (const std::uint32_t key : keys) {
    if (now - since_.at(key) < storm_after_ || is_reported(key) || !waits_for(key).empty()) continue;
    PfcFinding finding{PfcFinding::Kind::kStorm, now, static_cast<std::uint8_t>(key % kPriorities), {}};
    for (const std::uint32_t held : held_by(key, keys)) finding.links.push_back(LinkId{held / kPriorities});
    report(key);
    findings_.push_back(std::move(finding));
  }
}

// The root, then what waits for it, directly or through others.
std::vector<std::uint32_t> PfcWatch::held_by(std::uint32_t root, const std::vector<std::uint32_t>& keys) const {
  std::vector<std::uint32_t> held{root};
  for (std::size_t i = 0; i < held.size(); ++i) {
    for (const std::uint32_t key : keys) {
      const auto waits = waits_for(key);
      const bool for_this = std::find(waits.begin(), waits.end(), held[i]) != waits.end();
      if (for_this && std::find(held.begin(), held.end(), key) == held.end()) held.push_back(key);
    }
  }
  return held;
}

// Depth-first search; a cycle counts when all of its links have been paused for a whole interval between two looks.
void PfcWatch::find_cycles(const std::vector<std::uint32_t>& keys, Ps now) {
  std::unordered_map<std::uint32_t, int> colour;  // 1 on the path, 2 done
  for (const std::uint32_t root : keys) {
    if (colour[root] != 0) continue;
    struct Step {
      std::uint32_t key;
      std::vector<std::uint32_t> next;
      std::size_t at = 0;
    };
    std::vector<Step> path;
    path.push_back({root, waits_for(root)});
    colour[root] = 1;
    while (!path.empty()) {
      Step& step = path.back();
      if (step.at == step.next.size()) {
        colour[step.key] = 2;
        path.pop_back();
        continue;
      }
      const std::uint32_t next = step.next[step.at++];
      if (colour[next] == 1) {
        PfcFinding finding{PfcFinding::Kind::kDeadlock, now, static_cast<std::uint8_t>(next % kPriorities), {}};
        bool lasting = true, known = true;
        const auto first = std::find_if(path.begin(), path.end(), [&](const Step& s) { return s.key == next; });
        for (auto it = first; it != path.end(); ++it) {
          finding.links.push_back(LinkId{it->key / kPriorities});
          lasting = lasting && now - since_.at(it->key) >= kLookEvery;
          known = known && is_reported(it->key);
        }
        if (!lasting || known) continue;
        for (auto it = first; it != path.end(); ++it) report(it->key);
        findings_.push_back(std::move(finding));
      } else if (colour[next] == 0) {
        colour[next] = 1;
        path.push_back({next, waits_for(next)});
      }
    }
  }
}

bool PfcWatch::watching(Ps now) const {
  return std::any_of(since_.begin(), since_.end(),
                     [&](const auto& entry) { return now - entry.second < storm_after_ + kLookEvery; });
}

void PfcWatch::report(std::uint32_t key) {
  reported_.insert(std::upper_bound(reported_.begin(), reported_.end(), key), key);
}

bool PfcWatch::is_reported(std::uint32_t key) const {
  return std::binary_search(reported_.begin(), reported_.end(), key);
}

bool PfcWatch::deadlocked() const {
  return std::any_of(findings_.begin(), findings_.end(),
                     [](const PfcFinding& f) { return f.kind == PfcFinding::Kind::kDeadlock; });
}

std::string PfcWatch::describe(const PfcFinding& finding) const {
  std::string names;
  for (std::size_t i = 0; i < finding.links.size() && i < 16; ++i)
    names += fmt::format("{}{}", i == 0 ? "" : ", ", network_.topology().name(finding.links[i]));
  if (finding.links.size() > 16) names += fmt::format(" and {} more", finding.links.size() - 16);
  const double us = static_cast<double>(finding.at) * 1e-6;
  if (finding.kind == PfcFinding::Kind::kDeadlock)
    return fmt::format("PFC deadlock at {:.1f} us, priority {}: {} wait for one another in a cycle", us,
                       finding.priority, names);
  return fmt::format("PFC storm at {:.1f} us, priority {}: paused without a break: {}", us, finding.priority, names);
}

}  // namespace weft::packet
