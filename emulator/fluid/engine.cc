#include "emulator/fluid/engine.h"

#include <algorithm>
#include <map>
#include <memory>

#include "emulator/fluid/schedule_solver.h"
#include "emulator/version.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

constexpr std::size_t kHotLinks = 5, kHotLinksExplained = 20;

// The size at which a pattern is solved: the largest of the sweep, but not less than 1 GiB, so that chunks rounded up
// to whole bytes do not distort small messages.
Bytes reference_size(const std::vector<Bytes>& sizes) {
  Bytes largest{1LL << 30};
  for (const Bytes size : sizes) largest = std::max(largest, size);
  return largest;
}

// What the operation of the largest size left on the links.
void report_links(const Topology& topology, const SolvedSchedule& solved, const Operation& op, bool explain,
                  Measurement& m) {
  const double growth = static_cast<double>(op.size.count) / static_cast<double>(solved.cost.reference.count);
  std::vector<double> bits = solved.bits;
  for (double& b : bits) b *= growth;
  const double seconds = op.time.seconds();
  if (seconds > 0) {
    m.tiers = tier_uses(topology, bits, seconds);
    m.hot_links = hottest_links(topology, bits, solved.flows, seconds, explain ? kHotLinksExplained : kHotLinks);
  }
  m.max_mean_ratio = max_mean_ratio(topology, solved.flows);
  m.jain_index = solved.jain;
  m.counters = solved.counters;
  m.notes.insert(m.notes.end(), solved.notes.begin(), solved.notes.end());
}

}  // namespace

Expected<Measurement> FluidBackend::run(const Topology& topology, const ScheduleFactory& schedule,
                                        const std::vector<Bytes>& sizes, const RunOptions& options) {
  auto router = Router::create(topology, options.seed);
  if (!router) return tl::unexpected(router.error());
  ScheduleSolver solver(topology, **router, options_, options);
  std::map<std::string, SolvedSchedule> solved;  // by algorithm
  Measurement m;
  m.provenance = {"fluid", std::string(kVersion), topology.spec().name, spec_digest(topology.spec()), options.seed, {}};
  m.notes = packet_engine_notes(topology.spec());
  const SolvedSchedule* largest = nullptr;
  const Operation* largest_op = nullptr;
  m.operations.reserve(sizes.size());
  for (const Bytes size : sizes) {
    auto wanted = schedule(size, "");
    if (!wanted) return tl::unexpected(wanted.error());
    auto it = solved.find(wanted->algorithm);
    if (it == solved.end()) {
      auto reference = schedule(reference_size(sizes), wanted->algorithm);
      if (!reference) return tl::unexpected(reference.error());
      if (options.so_far && !m.operations.empty()) options.so_far(m);
      auto result = solver.solve(*reference);
      if (!result) {
        if (result.error().code == ErrorCode::kInterrupted && !m.operations.empty()) break;
        return tl::unexpected(result.error());
      }
      it = solved.emplace(wanted->algorithm, std::move(*result)).first;
    }
    m.collective = name_of(wanted->collective);
    m.algorithm = wanted->algorithm;
    m.ranks = wanted->ranks;
    m.group_size = wanted->group_size;
    m.operations.push_back(price(it->second.cost, size, wanted->collective, wanted->group_size, options_.constants));
    if (largest_op == nullptr || size >= largest_op->size) {
      largest = &it->second;
      largest_op = &m.operations.back();
    }
  }
  if (largest != nullptr) report_links(topology, *largest, *largest_op, options.explain, m);
  if (largest != nullptr && options_.on_cost) options_.on_cost(largest->cost);
  return m;
}

}  // namespace weft
