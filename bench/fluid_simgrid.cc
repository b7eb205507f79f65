#include "bench/fluid_simgrid.h"

#include <fmt/format.h>

#include <chrono>
#include <simgrid/s4u.hpp>
#include <string>

namespace weft::bench {
namespace {

namespace sg = simgrid::s4u;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// Each variable has its own source, and a star zone gives each source a route of its own: no table of all pairs.
SimGridRun run_simgrid(const MaxMinProblem& p, double bits) {
  SimGridRun result;
  const auto start = std::chrono::steady_clock::now();
  std::string name = "weft_bench";
  char* argv[] = {name.data(), nullptr};
  int argc = 1;
  sg::Engine engine(&argc, argv);
  // No TCP window, no acknowledgement traffic, no empirical factors: what is left is max-min sharing.
  for (const char* option : {"network/model:CM02", "network/TCP-gamma:0", "network/crosstraffic:0",
                             "network/bandwidth-factor:1", "network/latency-factor:1", "network/weight-S:0"}) {
    sg::Engine::set_config(option);
  }
  sg::NetZone* zone = sg::create_star_zone("fabric");
  std::vector<const sg::Link*> links;
  for (std::size_t r = 0; r < p.resource_count(); ++r) {
    links.push_back(zone->create_link(fmt::format("l{}", r), p.capacity[r] / 8.0)->set_latency(0.0)->seal());
  }
  std::vector<sg::Host*> sources;
  sg::Host* sink = zone->create_host("sink", 1e9);
  zone->add_route(nullptr, sink->get_netpoint(), nullptr, nullptr, std::vector<sg::LinkInRoute>{}, false);
  for (std::size_t v = 0; v < p.variable_count(); ++v) {
    sources.push_back(zone->create_host(fmt::format("h{}", v), 1e9));
    std::vector<sg::LinkInRoute> route;
    for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1]; ++e) route.emplace_back(links[p.resources[e]]);
    zone->add_route(sources[v]->get_netpoint(), nullptr, nullptr, nullptr, route, false);
  }
  zone->seal();
  result.platform_s = seconds_since(start);

  const auto run_start = std::chrono::steady_clock::now();
  sg::Actor::create("driver", sink, [&] {
    std::vector<sg::CommPtr> flows;
    for (sg::Host* source : sources)
      flows.push_back(sg::Comm::sendto_async(source, sink, static_cast<uint64_t>(bits / 8)));
    for (const sg::CommPtr& flow : flows) flow->wait();
    for (const sg::CommPtr& flow : flows) result.finish.push_back(flow->get_finish_time());
  });
  engine.run();
  result.run_s = seconds_since(run_start);
  return result;
}

}  // namespace weft::bench
