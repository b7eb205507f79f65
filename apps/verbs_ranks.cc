#include "apps/verbs_ranks.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "apps/arguments.h"
#include "verbs/launch.h"

namespace weft {
namespace {

Expected<std::uint32_t> host_of(const RanksChoice& choice, std::size_t hosts) {
  if (choice.host >= 0) {
    if (static_cast<std::size_t>(choice.host) < hosts) return static_cast<std::uint32_t>(choice.host);
    return input_error("--rank is not below the number of --peers", fmt::format("{} of {}", choice.host, hosts));
  }
  const auto launch = verbs::launch_from([](const char* name) { return std::getenv(name); });
  if (!launch) return tl::unexpected(launch.error());
  if (!*launch)
    return input_error("which of the peers this host is, nobody says", choice.peers,
                       "--rank 0 on the first, and so on; or start by mpirun or srun, one process a host");
  if ((*launch)->size != hosts)
    return input_error(fmt::format("{} started another number of processes than --peers has", (*launch)->by),
                       fmt::format("{}, not {}", (*launch)->size, hosts), "one process a host");
  return (*launch)->rank;
}

}  // namespace

void add_ranks_options(CLI::App& command, RanksChoice& choice) {
  command.add_option("--peers", choice.peers,
                     "HOST[:PORT] of all hosts, by commas, the same on each: runs without agents and coordinator");
  command.add_option("--rank", choice.host, "with --peers: which of them this host is; default: as mpirun or srun say")
      ->check(whole_number(verbs::kMostCollectiveRanks));
  command.add_option("--devices", choice.devices,
                     "with --peers: rank i of this host takes device i of these, around; default: by the address");
  command.add_option("--gid-index", choice.gid_index, "with --peers: default: that of the address")
      ->check(whole_number(255));
  command.add_option("--scale-up-rate", choice.scale_up_rate,
                     "with --peers: pace of each rank's copies to ranks of its host, as 100Gbps; 0: as fast as memory; "
                     "none: over the NICs");
  command.add_flag("--tcp", choice.tcp, "with --peers: over TCP, where there is no RDMA");
}

Expected<std::uint32_t> ranks_of(const RanksChoice& choice, std::uint32_t ranks_here) {
  const auto hosts = verbs::parse_peers(choice.peers);
  if (!hosts) return tl::unexpected(hosts.error());
  const std::size_t ranks = hosts->size() * ranks_here;
  if (ranks >= 2 && ranks <= verbs::kMostCollectiveRanks) return static_cast<std::uint32_t>(ranks);
  return input_error("--peers and --ranks-per-host make a wrong number of ranks", fmt::format("{}", ranks),
                     fmt::format("2 to {}", verbs::kMostCollectiveRanks));
}

Expected<verbs::HostRanksRequest> to_request(const RanksChoice& choice, const verbs::CollectiveSpec& spec,
                                             std::uint32_t ranks_here) {
  verbs::HostRanksRequest request;
  request.spec = spec;
  request.ranks_here = ranks_here;
  auto hosts = verbs::parse_peers(choice.peers);
  if (!hosts) return tl::unexpected(hosts.error());
  request.hosts = std::move(*hosts);
  const auto host = host_of(choice, request.hosts.size());
  if (!host) return tl::unexpected(host.error());
  request.host = *host;
  std::istringstream devices(choice.devices);
  for (std::string device; std::getline(devices, device, ',');) request.devices.push_back(device);
  request.gid_index = choice.gid_index;
  request.tcp = choice.tcp;
  request.copies = choice.scale_up_rate != "none";
  if (request.copies && !choice.scale_up_rate.empty() && choice.scale_up_rate != "0") {
    const auto rate = parse_rate(choice.scale_up_rate);
    if (!rate) return tl::unexpected(rate.error());
    request.scale_up_gbits = rate->gigabits_per_second();
  }
  return request;
}

}  // namespace weft
