#include "topologies/forwarding.h"

#include <algorithm>
#include <utility>

#include "topologies/clos_hops.h"
#include "topologies/graph_hops.h"

namespace weft {
namespace {

std::optional<std::uint32_t> optional_of(std::uint32_t choice) {
  return choice == kNoChoice ? std::nullopt : std::optional(choice);
}

class ClosForwarding final : public Forwarding {
 public:
  ClosForwarding(const ClosTopology& topology, std::unique_ptr<ClosReach> reach, std::uint64_t seed)
      : Forwarding(topology, *reach, seed), reach_(std::move(reach)), hops_(*reach_, seed) {}

  NextHops next_hops(LinkId arrived_by, PortId to) const override { return hops_.next_hops(arrived_by, to); }
  bool alive(const NextHops& hops, std::uint32_t choice) const override {
    return hops_.with_live(hops, [&](auto live) { return live(choice); });
  }
  std::optional<std::uint32_t> hashed_choice(const NextHops& hops, std::uint64_t digest) const override {
    return optional_of(hops_.choice(hops, digest, hops_.digits(hops.to)));
  }
  void set_cable(std::uint32_t cable, bool alive) override { reach_->set_cable(cable, alive); }

 private:
  std::unique_ptr<ClosReach> reach_;
  ClosHops hops_;
};

class GraphForwarding final : public Forwarding {
 public:
  GraphForwarding(const Topology& topology, std::unique_ptr<GraphReach> reach, std::uint64_t seed)
      : Forwarding(topology, *reach, seed), reach_(std::move(reach)), hops_(*reach_, seed) {}

  NextHops next_hops(LinkId arrived_by, PortId to) const override {
    return hops_.next_hops(reach_->next_switch(arrived_by), to);
  }
  bool alive(const NextHops& hops, std::uint32_t choice) const override { return hops_.alive(hops, choice); }
  std::optional<std::uint32_t> hashed_choice(const NextHops& hops, std::uint64_t digest) const override {
    return optional_of(hops_.choice(hops, digest));
  }
  void set_cable(std::uint32_t cable, bool alive) override { reach_->set_cable(cable, alive); }

 private:
  std::unique_ptr<GraphReach> reach_;
  GraphHops hops_;
};

}  // namespace

Expected<std::unique_ptr<Forwarding>> Forwarding::create(const Topology& topology, std::uint64_t seed) {
  if (auto fits = check_addresses(topology); !fits) return tl::unexpected(fits.error());
  if (const auto* clos = dynamic_cast<const ClosTopology*>(&topology)) {
    return std::make_unique<ClosForwarding>(*clos, std::make_unique<ClosReach>(*clos), seed);
  }
  auto reach = GraphReach::create(topology);
  if (!reach) return tl::unexpected(reach.error());
  return std::make_unique<GraphForwarding>(topology, std::move(*reach), seed);
}

Forwarding::Endpoints Forwarding::between(PortId from, PortId to, const Connection& c, std::uint32_t qp) const {
  Endpoints e{.from = from, .to = to};
  e.source_qpn = hosts_.qpn(c.source, c.destination, c, qp);
  e.destination_qpn = hosts_.qpn(c.destination, c.source, c, qp);
  e.udp_source_port = udp_source_port(e.source_qpn, e.destination_qpn);
  e.digest = hosts_.digest(from, to, e.udp_source_port);
  return e;
}

std::optional<Forwarding::Endpoints> Forwarding::endpoints(const Connection& c, Via via, std::uint32_t qp) const {
  WEFT_CHECK(c.source != c.destination);
  const bool reduce = via == Via::kScaleUpReduce, multicast = via == Via::kScaleUpMulticast;
  if (reduce || multicast) {
    if (!hosts_.scale_up_half(reduce ? c.source : c.destination)) return std::nullopt;
    return Endpoints{.scale_up_only = true};
  }
  if (hosts_.scale_up(c.source, c.destination)) return Endpoints{.scale_up_only = true};
  std::optional<Endpoints> found;
  hosts_.first_sender(c, via, [&](GpuId sender, HostPorts::Pairs pairs) {
    if (hosts_.sprays()) {
      std::uint32_t pair = 0;
      hosts_.each_spray_pair(sender, c, pairs, [&](PortId from, PortId to, std::uint32_t live) {
        if (pair++ == qp % live) found = between(from, to, c, qp);
      });
    } else {
      hosts_.first_pair(sender, c, qp, pairs, [&](PortId from, PortId to) {
        if (reach_->reachable(from, to)) found = between(from, to, c, qp);
        return found.has_value();
      });
    }
    if (found && sender != c.source) found->proxy = sender;
    return found.has_value();
  });
  return found;
}

std::uint32_t Forwarding::qps(const Connection& c, Via via) const {
  if (!hosts_.sprays() || via == Via::kScaleUpReduce || via == Via::kScaleUpMulticast) return hosts_.qps(c, via);
  if (hosts_.scale_up(c.source, c.destination)) return 1;
  std::uint32_t pairs_found = 0;
  hosts_.first_sender(c, via, [&](GpuId sender, HostPorts::Pairs pairs) {
    pairs_found = hosts_.each_spray_pair(sender, c, pairs, [](PortId, PortId, std::uint32_t) {});
    return pairs_found > 0;
  });
  return std::max(pairs_found, 1U);
}

Forwarding::Endpoints Forwarding::reverse(const Endpoints& forward) const {
  if (forward.scale_up_only) return forward;
  Endpoints e{.from = forward.to, .to = forward.from};
  e.source_qpn = forward.destination_qpn;
  e.destination_qpn = forward.source_qpn;
  e.udp_source_port = udp_source_port(e.source_qpn, e.destination_qpn);
  e.digest = hosts_.digest(e.from, e.to, e.udp_source_port);
  return e;
}

bool Forwarding::path(PortId from, PortId to, std::uint64_t digest, std::vector<LinkId>& out) const {
  const std::size_t mark = out.size();
  const LinkId last = topology_->host_link(to, true);
  LinkId link = topology_->host_link(from, false);
  bool found = reach_->alive(link.value / 2);
  out.push_back(link);
  while (found && link != last) {
    const NextHops hops = next_hops(link, to);
    const auto choice = hashed_choice(hops, digest);
    found = choice.has_value();
    if (!found) break;
    link = hops.link(*choice);
    out.push_back(link);
  }
  if (!found) out.resize(mark);
  return found;
}

}  // namespace weft
