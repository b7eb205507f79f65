#include "emulator/analytic/analytic.h"

#include <algorithm>
#include <cmath>

#include "emulator/version.h"
#include "topologies/clos.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

// What one phase moves, as multiples of the message size S, and how many hops follow one another.
struct Form {
  std::string name;
  double steps = 1;
  double up = 0;   // S sent (or received, whichever is more) by the busiest GPU inside the domain
  double nic = 0;  // S sent (or received) by the busiest NIC
  double up_hops = 0, out_hops = 0;
  double depth = 0;
  std::uint32_t group = 0, stage = 0;
  bool crosses = false;   // uniform traffic: the fabric's oversubscription counts
  bool messages = false;  // to every other rank
  bool pattern = false;   // a tester's: plain RDMA, no NCCL
  bool nvls = false;
};
using Forms = std::vector<Form>;
using S = AnalyticShape;

double levels(double n) { return n <= 1 ? 0 : std::ceil(std::log2(n)); }

// A lockstep ring of all ranks on every NIC: of n hops, N leave a domain.
Forms flat_ring(const S& s, double passes) {
  const double steps = passes * (s.ranks - 1);
  const double out = s.domains > 1 ? s.domains / s.ranks : 0;
  Form form{"ring", steps};
  form.up = s.places > 1 ? passes * (s.ranks - 1) / s.ranks * (s.domains > 1 ? 1 - 1 / s.places : 1) : 0;
  form.nic = s.domains > 1 ? passes * (s.ranks - 1) / s.ranks / s.nics : 0;
  form.up_hops = steps * (1 - out);
  form.out_hops = steps * out;
  return {form};
}

Form domain_ring(const S& s, const char* name) {
  Form form{name, s.places - 1, (s.places - 1) / s.places, 0, s.places - 1};
  form.group = 1;
  return form;
}
Form ring_across(const S& s, double passes) {
  const double steps = passes * (s.domains - 1);
  Form form{"scale-out ring", steps, 0, passes * (s.domains - 1) / s.domains / s.nics, 0, steps};
  form.group = 1;
  form.stage = 1;
  return form;
}
Forms without_empty(Forms forms) {
  std::erase_if(forms, [](const Form& f) { return f.steps <= 0 || (f.up == 0 && f.nic == 0); });
  return forms;
}
Forms hierarchical(const S& s, double passes, bool first, bool last) {
  Forms forms;
  if (first) forms.push_back(domain_ring(s, "scale-up reduce-scatter"));
  forms.push_back(ring_across(s, passes));
  if (last) forms.push_back(domain_ring(s, "scale-up all-gather"));
  return without_empty(forms);
}

// Double binary trees: a NIC carries half the shard to or from two children. Of two domains each is the root of one
// tree and has one child: half the shard each way.
double tree_share(const S& s) { return s.domains > 2 ? 1 / s.nics : s.domains > 1 ? 0.5 / s.nics : 0; }
Form tree_across(const S& s, const char* name) {
  Form form{name, levels(s.domains), 0, tree_share(s), 0, levels(s.domains)};
  form.depth = levels(s.domains);
  form.group = 1;
  form.stage = 1;
  return form;
}
Form switch_direction(const S& s, const char* name, double up, std::uint32_t stage) {
  Form form{name, 1, s.places > 1 ? up : 0};
  form.up_hops = stage == 0 ? 1 : 0;  // up to the switch and down from it is one step
  form.group = 1;
  form.stage = stage;
  form.nvls = true;
  return form;
}
Forms nvls(const S& s, Forms across) {
  Forms forms{switch_direction(s, "switch reduce, up", 1, 0),
              switch_direction(s, "switch reduce, down", 1 / s.places, 2)};
  forms.insert(forms.end(), across.begin(), across.end());
  forms.push_back(switch_direction(s, "switch multicast, up", 1 / s.places, 0));
  forms.push_back(switch_direction(s, "switch multicast, down", 1, 2));
  return without_empty(forms);
}
// Chain in the domain, tree across; both directions of the message.
Forms chain_tree(const S& s, bool both) {
  const double depth = levels(s.domains) + s.places - 1;
  Form form{both ? "tree reduce" : "tree broadcast", depth};
  form.up = s.places > 1 ? 1 : 0;
  form.nic = tree_share(s);
  form.up_hops = s.places - 1;
  form.out_hops = levels(s.domains);
  form.depth = depth;
  Forms forms{form};
  if (both) forms.push_back(form), forms.back().name = "tree broadcast";
  return without_empty(forms);
}

// Exchanges with partners at distance 1, 2, 4, ...: rounds inside the domain, then rounds across, one after the other.
// `inside` and `out` are the S that a rank sends in them. Ranks beyond the largest power of two hand their buffer to a
// partner first and take the result last. Nothing where that power, the domain or the folding do not nest.
Forms doubling(const S& s, const char* name, double passes, double inside, double out) {
  const double power = std::exp2(std::floor(std::log2(s.ranks)));
  const bool nested = std::exp2(levels(s.places)) == s.places && std::exp2(levels(s.domains)) == s.domains;
  const bool one_tier = s.places == 1 || s.domains == 1;
  if (!nested && !one_tier) return {};
  const double nic_share = s.places / s.nics;
  Forms forms;
  if (s.places > 1) {
    const double rounds = passes * (nested ? levels(s.places) : std::log2(power));
    forms.push_back({name, rounds, inside, 0, rounds});
  }
  if (s.domains > 1) {
    const double rounds = passes * (nested ? levels(s.domains) : std::log2(power));
    forms.push_back({name, rounds, 0, out * nic_share, 0, rounds});
  }
  if (power < s.ranks) {
    if (s.domains > 1) forms.push_back({"folding", 2, 0, 2 * nic_share, 0, 2});
    if (s.places > 1) forms.push_back({"folding", 2, 2, 0, 2});
  }
  return without_empty(forms);
}
Forms halving_doubling(const S& s) {
  const auto kept = [](double n) { return n <= 1 ? n : std::exp2(std::floor(std::log2(n))); };
  const double places = kept(s.places), domains = kept(s.domains);
  return doubling(s, "halving-doubling", 2, 2 * (places - 1) / places, 2 * (domains - 1) / domains / places);
}
Forms recursive_doubling(const S& s) {
  return doubling(s, "recursive doubling", 1, std::floor(std::log2(s.places)), std::floor(std::log2(s.domains)));
}

Forms exchange(const S& s, const char* name, double steps, bool rail_aligned) {
  const double outside = (s.ranks - s.places) / s.ranks, inside = (s.places - 1) / s.ranks;
  Form form{name, steps};
  form.nic = outside * s.places / s.nics;
  // Rail-aligned: all but one rail's share crosses the domain first.
  form.up = inside + (rail_aligned ? outside * (s.places - 1) / s.places : 0);
  form.out_hops = s.domains > 1 ? steps : 0;
  form.up_hops = s.domains > 1 && !rail_aligned ? 0 : steps;
  form.messages = true;
  form.crosses = true;
  return without_empty({form});
}

// Step t: member i sends to i + t. Of the m members on one NIC, min(t, n - t, m) leave their domain.
Forms pairwise(const S& s) {
  Forms forms = exchange(s, "exchange", s.ranks - 1, false);
  const double sharing = s.places / s.nics, lost = std::max(1.0, sharing);
  if (s.domains > 1) forms[0].nic = sharing * (s.ranks - lost) / s.ranks;
  return forms;
}

// Every rank sends S to one other, in another domain where there is one.
Forms one_message(const S& s, const char* name, bool pattern) {
  if (s.ranks <= 1) return {};
  Form form{name, 1, s.domains > 1 ? 0.0 : 1.0, s.domains > 1 ? s.places / s.nics : 0};
  form.out_hops = s.domains > 1 ? 1 : 0;
  form.up_hops = 1 - form.out_hops;
  form.pattern = pattern;
  form.crosses = true;
  return without_empty({form});
}

Forms forms_of(const S& s, CollectiveKind kind, const std::string& algorithm) {
  const double n = s.ranks;
  switch (kind) {
    case CollectiveKind::kAllReduce:
      if (algorithm == "ring") return without_empty(flat_ring(s, 2));
      if (algorithm == "hierarchical") return hierarchical(s, 2, true, true);
      if (algorithm == "nvls_ring") return nvls(s, {ring_across(s, 2)});
      if (algorithm == "nvls_tree") return nvls(s, {tree_across(s, "tree reduce"), tree_across(s, "tree broadcast")});
      if (algorithm == "tree") return chain_tree(s, true);
      if (algorithm == "halving_doubling") return halving_doubling(s);
      if (algorithm == "recursive_doubling") return recursive_doubling(s);
      return {};
    case CollectiveKind::kAllGather:
      return algorithm == "ring" ? without_empty(flat_ring(s, 1)) : hierarchical(s, 1, false, true);
    case CollectiveKind::kReduceScatter:
      return algorithm == "ring" ? without_empty(flat_ring(s, 1)) : hierarchical(s, 1, true, false);
    case CollectiveKind::kAllToAll:
      return algorithm == "pairwise" ? pairwise(s) : exchange(s, "exchange", 1, algorithm == "rail_aligned");
    case CollectiveKind::kBroadcast: {
      if (algorithm == "tree") return chain_tree(s, false);
      Forms forms = flat_ring(s, 1);
      forms[0] = {"chain",          n - 1, s.places > 1 ? 1.0 : 0.0, s.domains > 1 ? 1 / s.nics : 0, forms[0].up_hops,
                  forms[0].out_hops};
      forms[0].depth = n - 1;
      return without_empty(forms);
    }
    case CollectiveKind::kSendRecv:
    case CollectiveKind::kPermutation:
    case CollectiveKind::kShift:
    case CollectiveKind::kBisection:
      return one_message(s, "exchange", kind != CollectiveKind::kSendRecv);
    case CollectiveKind::kIncast:
      return {};  // depends on the fan-in
  }
  return {};
}

Expected<PhaseCost> cost_of(const Form& form, const S& s, double bits, const Constants& constants,
                            double payload_share) {
  const bool pair = form.crosses;
  const double up_share = form.nvls ? constants.nvls_scale_up
                          : pair    ? constants.pair_scale_up
                                    : constants.ring_scale_up;
  const double out_share = payload_share * (form.pattern ? 1.0
                                            : pair       ? constants.pair_scale_out
                                                         : constants.ring_scale_out);
  if (form.nvls && up_share <= 0)
    return input_error("no in-network reduction on this GPU generation", constants.generation,
                       "use algorithm tree or ring");
  const double up = form.up > 0 ? bits * form.up / s.scale_up_rate : 0;
  const double nic = form.nic > 0 ? bits * form.nic / s.nic_rate : 0;
  PhaseCost cost;
  cost.name = form.name;
  cost.steps = static_cast<std::uint64_t>(form.steps);
  cost.uses_nic = nic > 0;
  cost.data.ideal = nic > 0 ? nic : up;
  cost.data.scale_up = std::max(0.0, up - cost.data.ideal);
  const double shared = std::max(up / up_share, nic / out_share);
  cost.data.protocol = shared - cost.data.ideal - cost.data.scale_up;
  if (form.crosses)
    cost.data.oversubscription = std::max(0.0, nic / payload_share * s.oversubscription * s.leaving - shared);
  cost.scale_up_hops = form.up_hops;
  cost.scale_out_hops = form.out_hops;
  cost.path_seconds = form.out_hops * s.path_seconds;
  cost.depth = static_cast<std::uint64_t>(form.depth);
  if (form.messages && cost.uses_nic) cost.messages = (s.ranks - s.places) * s.places / s.nics;
  cost.overlap_group = form.group;
  cost.stage = form.stage;
  cost.binding_tier = cost.data.oversubscription > 0     ? "fabric"
                      : nic / out_share >= up / up_share ? "host"
                                                         : "scale-up";
  return cost;
}

}  // namespace

// Bandwidth down over bandwidth up, and the hosts that sit below, of a full leaf and of a full block.
struct Narrowing {
  double leaf = 1, block = 1, leaf_hosts = 1, block_hosts = 1;
};
Narrowing narrowing_of(const ClosTopology& topology) {
  const ClosShape& shape = topology.shape();
  const FabricSpec& spec = topology.spec();
  Narrowing n;
  if (shape.tiers < 2) return n;
  const auto bits = [](const std::optional<Rate>& rate, Rate otherwise) {
    return static_cast<double>(rate.value_or(otherwise).bits_per_second);
  };
  const Rate port = spec.port_rate();
  const double ports_per_host = static_cast<double>(topology.port_count()) / spec.hosts.count / shape.planes;
  n.leaf_hosts = shape.by_rail ? static_cast<double>(shape.unit_hosts) / shape.unit_leaves
                               : std::max(1.0, shape.leaf_down / ports_per_host);
  const double leaf_ports = shape.by_rail ? n.leaf_hosts * shape.rail_ports : shape.leaf_down;
  const double up = shape.leaf_up() * bits(spec.links.leaf_spine.rate, port);
  n.leaf = std::max(1.0, leaf_ports * bits(spec.links.host.rate, port) / up);
  if (shape.tiers < 3) return n;
  // Leaves of a block times hosts of a leaf; where leaves are one a rail, all rails of a block count their hosts once.
  const double host_sets =
      shape.by_rail ? static_cast<double>(shape.units_per_block) * shape.unit_leaves : shape.leaves_per_block;
  n.block_hosts = n.leaf_hosts * host_sets;
  const double block_up = static_cast<double>(shape.spines) * shape.spine_up() * bits(spec.links.spine_core.rate, port);
  n.block = std::max(1.0, shape.leaves_per_block * leaf_ports * bits(spec.links.host.rate, port) / block_up);
  return n;
}

// Uniform traffic of a packed group: what of its scale-out part leaves `hosts` hosts.
double leaving_share(const AnalyticShape& s, double hosts, double gpus_per_host) {
  const double below = std::max(s.places, hosts * std::min(s.places, gpus_per_host));
  return s.ranks > s.places ? std::max(0.0, (s.ranks - below) / (s.ranks - s.places)) : 0.0;
}

AnalyticShape analytic_shape(const Topology& topology, std::uint32_t group_size, std::uint32_t stride) {
  const FabricSpec& spec = topology.spec();
  const double domain = spec.hosts.scale_up.domain_gpus;
  AnalyticShape s;
  s.ranks = group_size;
  s.places = std::max(1.0, std::min<double>(group_size, std::floor(domain / stride)));
  s.domains = s.ranks / s.places;
  s.nics = std::max(1.0, s.places * spec.hosts.nics / spec.hosts.gpus);
  s.scale_up_rate = static_cast<double>(spec.hosts.scale_up.rate_per_gpu.bits_per_second);
  s.nic_rate = static_cast<double>(spec.hosts.nic_rate.bits_per_second);
  const double tiers = topology.switch_count(NodeKind::kCore) > 0    ? 3
                       : topology.switch_count(NodeKind::kSpine) > 0 ? 2
                                                                     : 1;
  s.path_seconds = (2 * tiers - 1) * spec.switches.latency.seconds() + 2 * spec.links.host.delay.seconds() +
                   (tiers > 1 ? 2 * spec.links.leaf_spine.delay.seconds() : 0) +
                   (tiers > 2 ? 2 * spec.links.spine_core.delay.seconds() : 0);
  const auto* clos = dynamic_cast<const ClosTopology*>(&topology);
  if (clos == nullptr) return s;
  const Narrowing narrow = narrowing_of(*clos);
  const double leaf_leaving = leaving_share(s, narrow.leaf_hosts, spec.hosts.gpus);
  const double block_leaving = leaving_share(s, narrow.block_hosts, spec.hosts.gpus);
  const bool leaf_binds = tiers < 3 || narrow.leaf * leaf_leaving >= narrow.block * block_leaving;
  s.oversubscription = leaf_binds ? narrow.leaf : narrow.block;
  s.leaving = leaf_binds ? leaf_leaving : block_leaving;
  return s;
}

Expected<ScheduleCost> analytic_cost(const AnalyticShape& shape, CollectiveKind kind, const std::string& algorithm,
                                     Bytes reference, const Constants& constants, double payload_share) {
  ScheduleCost cost;
  cost.reference = reference;
  cost.algorithm = algorithm;
  cost.shards = static_cast<std::uint32_t>(shape.places);
  const Forms forms = forms_of(shape, kind, algorithm);
  if (forms.empty() && shape.ranks > 1)
    return input_error("no closed form", std::string(name_of(kind)) + " by " + algorithm, "use --backend fluid");
  for (const Form& form : forms) {
    cost.simple_only = cost.simple_only || form.nvls;
    auto phase = cost_of(form, shape, 8.0 * static_cast<double>(reference.count), constants, payload_share);
    if (!phase) return tl::unexpected(phase.error());
    cost.phases.push_back(std::move(*phase));
  }
  return cost;
}

Expected<Measurement> AnalyticBackend::run(const Topology& topology, const ScheduleFactory& schedule,
                                           const std::vector<Bytes>& sizes, const RunOptions& options) {
  Measurement m;
  m.provenance = {"analytic", std::string(kVersion), topology.spec().name, spec_digest(topology.spec()), options.seed,
                  {}};
  const double payload = payload_share(topology.spec(), constants_);
  for (const Bytes size : sizes) {
    auto wanted = schedule(size, "");
    if (!wanted) return tl::unexpected(wanted.error());
    // Packed or strided: how far apart the first two members of a group sit.
    const auto gpu_of = [&](std::uint32_t r) { return wanted->gpu_of ? wanted->gpu_of(Rank{r}).value : r; };
    const std::uint32_t next = wanted->second_member.value;
    const std::uint32_t stride =
        wanted->group_size < 2 ? 1 : std::max(gpu_of(next), gpu_of(0)) - std::min(gpu_of(next), gpu_of(0));
    const AnalyticShape shape = analytic_shape(topology, wanted->group_size, std::max(1U, stride));
    auto cost = analytic_cost(shape, wanted->collective, wanted->algorithm, Bytes{1LL << 30}, constants_, payload);
    if (!cost) return tl::unexpected(cost.error());
    m.collective = name_of(wanted->collective);
    m.algorithm = wanted->algorithm;
    m.ranks = wanted->ranks;
    m.group_size = wanted->group_size;
    m.operations.push_back(price(*cost, size, wanted->collective, wanted->group_size, constants_));
  }
  m.notes.push_back("closed form: equal paths are shared perfectly; --backend fluid routes and hashes every transfer");
  for (std::string& note : packet_engine_notes(topology.spec())) m.notes.push_back(std::move(note));
  return m;
}

}  // namespace weft
