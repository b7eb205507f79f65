#include "dpdk/checks/path_trace.h"

#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace weft::dpdk {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Tracer {
 public:
  Tracer(Prober& prober, const TraceOptions& options, const std::atomic<bool>& stop)
      : prober_(prober), options_(options), stop_(stop) {
    for (const std::uint16_t port : options.source_ports) {
      place_[port] = result_.paths.size();
      result_.paths.push_back({port, {}, false});
    }
  }

  Expected<TraceResult> run() {
    unsigned silent = 0;
    for (unsigned ttl = options_.first_hop; ttl <= options_.last_hop && silent < 2; ++ttl) {
      const std::uint64_t before = result_.answers;
      bool open = false;
      for (TracedPath& path : result_.paths)
        if (!path.reached) {
          path.hops.emplace_back();
          open = true;
        }
      if (!open) break;
      for (unsigned attempt = 0; attempt < options_.attempts && !stop_; ++attempt)
        if (auto done = round(static_cast<std::uint8_t>(ttl)); !done) return tl::unexpected(done.error());
      if (stop_) break;
      silent = result_.answers == before ? silent + 1 : 0;
    }
    result_.interrupted = stop_;
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool waits_for(const TracedPath& path) const { return !path.reached && path.hops.back().is_none(); }

  Expected<void> round(std::uint8_t ttl) {
    auto next = SteadyClock::now();
    const std::chrono::duration<double> gap(1 / options_.probes_per_second);
    for (const TracedPath& path : result_.paths) {
      if (!waits_for(path) || stop_) continue;
      if (auto sent = prober_.send({path.source_port, ttl}); !sent) return sent;
      ++result_.probes;
      next += std::chrono::duration_cast<SteadyClock::duration>(gap);
      do {
        if (auto heard = hear(ttl, next); !heard) return heard;
      } while (SteadyClock::now() < next && !stop_);
    }
    const auto until = SteadyClock::now() + std::chrono::microseconds(options_.wait.picoseconds / 1'000'000);
    while (SteadyClock::now() < until && !stop_ &&
           std::any_of(result_.paths.begin(), result_.paths.end(), [&](const auto& p) { return waits_for(p); }))
      if (auto heard = hear(ttl, until); !heard) return heard;
    return {};
  }

  Expected<void> hear(std::uint8_t ttl, SteadyClock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - SteadyClock::now()).count();
    const auto answer = prober_.receive(Duration::us(std::clamp<std::int64_t>(left, 0, 50'000)));
    if (!answer) return tl::unexpected(answer.error());
    if (!*answer || (*answer)->probe.ttl != ttl) return {};
    const auto found = place_.find((*answer)->probe.source_port);
    if (found == place_.end()) return {};
    TracedPath& path = result_.paths[found->second];
    if (!waits_for(path)) return {};
    ++result_.answers;
    path.hops.back() = (*answer)->from;
    path.reached = (*answer)->at_destination;
    return {};
  }

  Prober& prober_;
  const TraceOptions& options_;
  const std::atomic<bool>& stop_;
  TraceResult result_;
  std::map<std::uint16_t, std::size_t> place_;
};

}  // namespace

Expected<TraceResult> trace_paths(Prober& prober, const TraceOptions& options, const std::atomic<bool>& stop) {
  return Tracer(prober, options, stop).run();
}

HopSpread spread_at(const TraceResult& trace, std::size_t hop, std::size_t expected) {
  HopSpread out;
  std::map<Address, std::uint64_t> flows;
  for (const TracedPath& path : trace.paths) {
    if (path.reached && hop + 1 >= path.hops.size())
      ++out.arrived;
    else if (hop < path.hops.size() && !path.hops[hop].is_none())
      ++flows[path.hops[hop]];
    else
      ++out.silent;
  }
  out.next_hops.assign(flows.begin(), flows.end());
  std::stable_sort(out.next_hops.begin(), out.next_hops.end(), [](auto& a, auto& b) { return a.second > b.second; });
  std::vector<std::uint64_t> counts;
  for (const auto& [address, count] : out.next_hops) counts.push_back(count);
  counts.resize(std::max({counts.size(), expected, std::size_t{1}}));
  out.spread = spread_of(counts);
  return out;
}

std::string address_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const std::uint32_t v4 = htonl(address.v4());
  if (address.is_v4() || address.is_none())
    inet_ntop(AF_INET, &v4, text.data(), text.size());
  else
    inet_ntop(AF_INET6, address.v6().data(), text.data(), text.size());
  return text.data();
}

Expected<Address> parse_address(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1 && v4.s_addr != 0) return Address(ntohl(v4.s_addr));
  std::array<std::uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1 && v6 != Address().v6()) return Address(v6);
  return input_error("no IP address", text, "as 192.0.2.1 or 2001:db8::1");
}

}  // namespace weft::dpdk
