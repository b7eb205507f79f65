#include "emulator/fluid/aggregate.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace weft {
namespace {

// Messages between ports of one class only: port k of each GPU (direct), or the ports of one rail (rail-aligned).
// `weight` messages-per-destination leave a sender's port; every destination takes one from each sending rank.
struct Sender {
  PortId port;
  std::uint32_t rail_class = 0, domain = 0;
  double weight = 1;
};
struct Receiver {
  PortId port;
  std::uint32_t rail_class = 0, domain = 0;
};

// Sums by class and by leaf, block or domain of a class.
class Tally {
 public:
  void add(std::uint32_t rail_class, std::uint64_t leaf, std::uint64_t block, std::uint32_t domain, double amount) {
    all_[rail_class] += amount;
    leaf_[key(rail_class, leaf)] += amount;
    block_[key(rail_class, block)] += amount;
    domain_[key(rail_class, domain)] += amount;
    leaf_domain_[key(key(rail_class, leaf), domain)] += amount;
    block_domain_[key(key(rail_class, block), domain)] += amount;
  }
  // Amounts of the class outside the domain; and outside both the domain and the leaf / block.
  [[nodiscard]] double beyond_domain(std::uint32_t c, std::uint32_t domain) const {
    return get(all_, c) - get(domain_, key(c, domain));
  }
  [[nodiscard]] double beyond_leaf(std::uint32_t c, std::uint64_t leaf, std::uint32_t domain) const {
    return beyond_domain(c, domain) - get(leaf_, key(c, leaf)) + get(leaf_domain_, key(key(c, leaf), domain));
  }
  [[nodiscard]] double beyond_block(std::uint32_t c, std::uint64_t block, std::uint32_t domain) const {
    return beyond_domain(c, domain) - get(block_, key(c, block)) + get(block_domain_, key(key(c, block), domain));
  }

 private:
  using Map = std::unordered_map<std::uint64_t, double>;
  // Domains and leaves are below 2^24, classes below 2^16: no two keys meet.
  static std::uint64_t key(std::uint64_t a, std::uint64_t b) { return a << 24U | b; }
  static double get(const Map& map, std::uint64_t k) {
    const auto it = map.find(k);
    return it == map.end() ? 0.0 : it->second;
  }
  Map all_, leaf_, block_, domain_, leaf_domain_, block_domain_;
};

class Aggregator {
 public:
  Aggregator(const ClosTopology& topology, AggregateLoads& out)
      : topology_(topology), shape_(topology.shape()), out_(out) {
    leaf_up_.assign(std::size_t{shape_.planes} * shape_.leaves(), 0.0);
    leaf_down_ = leaf_up_;
    block_up_.assign(std::size_t{shape_.planes} * shape_.blocks, 0.0);
    block_down_ = block_up_;
  }

  // One group of an all_to_all; `bits` of one message.
  void add_group(const std::vector<GpuId>& gpus, bool rail_aligned, double bits) {
    const std::uint32_t ports = topology_.ports_per_gpu();
    std::unordered_map<std::uint32_t, std::vector<GpuId>> domains;
    std::set<std::uint32_t> order;
    for (const GpuId gpu : gpus) {
      domains[topology_.domain_of(gpu)].push_back(gpu);
      order.insert(topology_.domain_of(gpu));
    }
    std::vector<Sender> senders;
    std::vector<Receiver> receivers;
    std::set<std::uint32_t> classes;
    for (const GpuId gpu : gpus)
      for (std::uint32_t k = 0; k < ports; ++k) {
        const std::uint32_t c = rail_aligned ? place(gpu) * ports + k : k;
        classes.insert(c);
        receivers.push_back({topology_.port_of(gpu, k), c, topology_.domain_of(gpu)});
        if (!rail_aligned) senders.push_back({topology_.port_of(gpu, k), c, topology_.domain_of(gpu), 1.0});
      }
    const std::uint32_t domain_gpus = topology_.spec().hosts.scale_up.domain_gpus;
    if (rail_aligned)
      for (const std::uint32_t domain : order)
        for (const std::uint32_t c : classes) {
          const GpuId proxy{domain * domain_gpus + c / ports};
          senders.push_back(
              {topology_.port_of(proxy, c % ports), c, domain, static_cast<double>(domains[domain].size())});
        }
    add_network(senders, receivers, bits / ports);
    add_scale_up(gpus, domains, senders, receivers, rail_aligned, bits, ports);
  }

  // Shares the pools' sums out over their links.
  void finish() {
    double messages = 0;
    const std::vector<std::uint32_t> leaf_live = live_links(LinkTier::kLeafSpine, leaf_up_.size());
    const std::vector<std::uint32_t> block_live = live_links(LinkTier::kSpineCore, block_up_.size());
    for (std::uint32_t l = topology_.first_fabric_link(); l < topology_.link_count(); ++l) {
      if (topology_.cable_dead(l / 2)) continue;
      const bool down = (l & 1U) != 0;
      const std::size_t pool = pool_of(LinkId{l});
      if (topology_.tier(LinkId{l}) == LinkTier::kLeafSpine)
        out_.bits[l] = (down ? leaf_down_ : leaf_up_)[pool] / leaf_live[pool];
      else
        out_.bits[l] = (down ? block_down_ : block_up_)[pool] / block_live[pool];
    }
    for (const double m : leaf_messages_) messages += m;
    const double links = static_cast<double>(leaf_up_.size()) * shape_.leaf_up();
    out_.flows_per_link = links > 0 ? messages * topology_.spec().transport.qps_per_connection / links : 0;
    if (out_.flows_per_link > 0) out_.hash_excess = std::sqrt(2 * std::log(std::max(2.0, links)) / out_.flows_per_link);
  }

 private:
  // The leaf or the block below a fabric link.
  [[nodiscard]] std::size_t pool_of(LinkId link) const {
    const LinkEnds ends = topology_.ends(link);
    const std::uint32_t lower = (link.value & 1U) != 0 ? ends.to.index : ends.from.index;
    return topology_.tier(link) == LinkTier::kLeafSpine ? lower : lower / shape_.spines;
  }
  // Live cables of each leaf (or block) towards the tier above.
  [[nodiscard]] std::vector<std::uint32_t> live_links(LinkTier tier, std::size_t pools) const {
    std::vector<std::uint32_t> live(pools, 0);
    for (std::uint32_t l = topology_.first_fabric_link(); l < topology_.link_count(); l += 2)
      if (topology_.tier(LinkId{l}) == tier && !topology_.cable_dead(l / 2)) ++live[pool_of(LinkId{l})];
    return live;
  }
  [[nodiscard]] std::uint32_t place(GpuId gpu) const { return gpu.value % topology_.spec().hosts.scale_up.domain_gpus; }
  [[nodiscard]] std::uint64_t leaf_of(PortId port) const {
    const Attachment at = topology_.attachment(port);
    return std::uint64_t{at.plane} * shape_.leaves() + at.leaf;
  }
  [[nodiscard]] std::uint64_t block_of(PortId port) const {
    const Attachment at = topology_.attachment(port);
    return std::uint64_t{at.plane} * shape_.blocks + shape_.block_of_leaf(at.leaf);
  }

  void add_network(const std::vector<Sender>& senders, const std::vector<Receiver>& receivers, double bits) {
    Tally sent, received;
    for (const Sender& s : senders) sent.add(s.rail_class, leaf_of(s.port), block_of(s.port), s.domain, s.weight);
    for (const Receiver& r : receivers) received.add(r.rail_class, leaf_of(r.port), block_of(r.port), r.domain, 1.0);
    for (const Sender& s : senders) {
      const std::uint64_t leaf = leaf_of(s.port), block = block_of(s.port);
      const double leaving = s.weight * received.beyond_leaf(s.rail_class, leaf, s.domain);
      out_.bits[topology_.host_link(s.port, false).value] +=
          bits * s.weight * received.beyond_domain(s.rail_class, s.domain);
      leaf_up_[leaf] += bits * leaving;
      leaf_messages_.push_back(leaving);
      block_up_[block] += bits * s.weight * received.beyond_block(s.rail_class, block, s.domain);
    }
    for (const Receiver& r : receivers) {
      const std::uint64_t leaf = leaf_of(r.port), block = block_of(r.port);
      out_.bits[topology_.host_link(r.port, true).value] += bits * sent.beyond_domain(r.rail_class, r.domain);
      leaf_down_[leaf] += bits * sent.beyond_leaf(r.rail_class, leaf, r.domain);
      block_down_[block] += bits * sent.beyond_block(r.rail_class, block, r.domain);
    }
  }

  void add_scale_up(const std::vector<GpuId>& gpus, std::unordered_map<std::uint32_t, std::vector<GpuId>>& domains,
                    const std::vector<Sender>& senders, const std::vector<Receiver>& receivers, bool rail_aligned,
                    double bits, std::uint32_t ports) {
    if (!topology_.has_scale_up()) return;
    std::unordered_map<std::uint32_t, double> of_class;  // receivers of a class, in units of whole messages
    std::unordered_map<std::uint64_t, double> here;      // the same within one domain
    for (const Receiver& r : receivers) {
      of_class[r.rail_class] += 1.0 / ports;
      here[std::uint64_t{r.domain} << 24U | r.rail_class] += 1.0 / ports;
    }
    const auto outside = [&](std::uint32_t domain, std::uint32_t c) {
      const auto it = here.find(std::uint64_t{domain} << 24U | c);
      return of_class[c] - (it == here.end() ? 0.0 : it->second);
    };
    const double n = static_cast<double>(gpus.size());
    for (const GpuId gpu : gpus) {
      const std::uint32_t domain = topology_.domain_of(gpu);
      const double mates = static_cast<double>(domains[domain].size()) - 1;
      double proxied = 0;  // messages that first cross to a mate's rail
      if (rail_aligned) {
        proxied = n - mates - 1;
        for (std::uint32_t k = 0; k < ports; ++k) proxied -= outside(domain, place(gpu) * ports + k);
      }
      out_.bits[topology_.scale_up_link(gpu, false).value] += bits * (mates + proxied);
      out_.bits[topology_.scale_up_link(gpu, true).value] += bits * mates;
    }
    if (!rail_aligned) return;
    const std::set<GpuId> members(gpus.begin(), gpus.end());
    for (const Sender& s : senders) {
      const GpuId proxy{s.domain * topology_.spec().hosts.scale_up.domain_gpus + s.rail_class / ports};
      const double others = s.weight - (members.contains(proxy) ? 1.0 : 0.0);
      out_.bits[topology_.scale_up_link(proxy, true).value] += bits * others * outside(s.domain, s.rail_class);
    }
  }

  const ClosTopology& topology_;
  const ClosShape& shape_;
  AggregateLoads& out_;
  std::vector<double> leaf_up_, leaf_down_, block_up_, block_down_;  // bits
  std::vector<double> leaf_messages_;
};

// Whether any two ports of the same number can meet in the fabric.
bool all_meet(const ClosTopology& topology) {
  const ClosShape& shape = topology.shape();
  if (shape.planes > 1 && shape.split == PlaneSplit::kNic) return false;
  if (shape.tiers == 1) return shape.leaves() == 1;
  if (shape.tiers == 2) return shape.blocks == 1;
  return shape.core_domains == 1;
}

// Counting stands for hashing only where the hash spreads well, and where no rank is cut off.
Expected<void> check_countable(const ClosTopology& topology, const std::string& way_out) {
  const RoutingSpec& routing = topology.spec().routing;
  const bool hashed = routing.kind == RoutingKind::kEcmp || routing.kind == RoutingKind::kFlowlet;
  if (hashed && (routing.hash_seed == HashSeed::kShared || !routing.hash_udp_source_port))
    return input_error("an all_to_all of this size is added up by counting, which hides a polarized hash",
                       routing.hash_seed == HashSeed::kShared ? "hash.seed: shared" : "hash.udp_source_port: false",
                       way_out);
  for (const ClosTopology::Deviation& deviation : topology.deviating_cables()) {
    const LinkId link{2 * deviation.cable};
    if (deviation.rate_factor > 0 || link.value >= topology.first_fabric_link()) continue;
    return input_error("an all_to_all of this size is added up by counting, which needs every GPU and NIC port alive",
                       topology.name(link), way_out);
  }
  return {};
}

HopSums typical_hops(const ClosTopology& topology, std::uint32_t group_size, bool rail_aligned) {
  HopSums hops;
  hops.edges = hops.scale_out_edges = 1;
  const FabricSpec& spec = topology.spec();
  const std::uint32_t tiers = topology.shape().tiers;
  Duration path = spec.links.host.delay * 2 + spec.switches.latency * (2 * tiers - 1);
  if (tiers > 1) path = path + spec.links.leaf_spine.delay * 2;
  if (tiers > 2) path = path + spec.links.spine_core.delay * 2;
  hops.scale_out_delay_sum = hops.scale_out_delay_max = path.seconds();
  hops.proxied = rail_aligned;
  hops.messages_per_nic = static_cast<double>(group_size - 1) * spec.hosts.gpus / spec.hosts.nics;
  return hops;
}

}  // namespace

Expected<AggregateLoads> aggregate_all_to_all(const ClosTopology& topology, const Schedule& schedule, Via via,
                                              Bytes bytes) {
  const std::string way_out = "use --algorithm pairwise, whose steps are sampled, or smaller groups (--group-size)";
  if (const auto countable = check_countable(topology, way_out); !countable) return tl::unexpected(countable.error());
  const bool rail_aligned = via == Via::kRailAligned || !all_meet(topology);
  if (rail_aligned && !topology.has_scale_up())
    return input_error("ranks of different rails have no path", std::to_string(schedule.group_size) + " ranks",
                       "let rails join, or give the hosts a scale-up domain");
  AggregateLoads out;
  out.bits.assign(topology.link_count(), 0.0);
  out.hops = typical_hops(topology, schedule.group_size, rail_aligned);
  Aggregator aggregator(topology, out);
  const std::uint32_t groups = schedule.ranks / schedule.group_size;
  const bool packed = schedule.second_member == Rank{1};
  std::vector<GpuId> gpus(schedule.group_size);
  for (std::uint32_t g = 0; g < groups; ++g) {
    for (std::uint32_t i = 0; i < schedule.group_size; ++i) {
      const Rank rank{packed ? g * schedule.group_size + i : g + i * groups};
      gpus[i] = schedule.gpu_of ? schedule.gpu_of(rank) : GpuId{rank.value};
    }
    aggregator.add_group(gpus, rail_aligned, 8.0 * static_cast<double>(bytes.count));
  }
  aggregator.finish();
  return out;
}

}  // namespace weft
