// weft dpdk trace and ecmp: the path of each source port, and how flows spread over the next hops.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "dpdk/checks/path_trace.h"
#include "dpdk/port.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

struct TraceWords {
  bool ecmp = false, udp = false, quiet = false;
  std::string destination, source_ip, source_mac, destination_mac, port, wait = "500ms", json;
  std::uint32_t flows = 1, first_port = 0xC000, hops = 8, hop = 1, next_hops = 0, dscp = 26, attempts = 2;
  double probes_per_second = 500;
};

Expected<wire::MacAddress> parse_mac(const std::string& option, const std::string& text) {
  wire::MacAddress mac{};
  unsigned b[6];
  int used = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used) != 6 ||
      static_cast<std::size_t>(used) != text.size())
    return input_error(option + ": no MAC address", text, "as 02:00:00:00:00:01; the next router's or host's");
  std::copy(std::begin(b), std::end(b), mac.begin());
  return mac;
}

Expected<dpdk::TraceOptions> trace_options(const TraceWords& words) {
  dpdk::TraceOptions options;
  if (words.first_port + words.flows > 0x10000)
    return input_error("the source ports go beyond 65535", fmt::format("{} from {} on", words.flows, words.first_port),
                       "fewer --flows");
  for (std::uint32_t i = 0; i < words.flows; ++i)
    options.source_ports.push_back(static_cast<std::uint16_t>(words.first_port + i));
  options.first_hop = static_cast<std::uint8_t>(words.ecmp ? words.hop : 1);
  options.last_hop = static_cast<std::uint8_t>(words.ecmp ? words.hop : words.hops);
  options.attempts = words.attempts;
  options.probes_per_second = words.probes_per_second;
  const auto wait = parse_duration(words.wait);
  if (!wait) return input_error("--wait: no time", words.wait, "as 500ms");
  options.wait = *wait;
  return options;
}

// Traces by sockets, or opens the port for as long as it takes.
Expected<dpdk::TraceResult> run_trace(const TraceWords& words, const EalArguments& eal_arguments) {
  const auto options = trace_options(words);
  if (!options) return tl::unexpected(options.error());
  const auto destination = dpdk::parse_address(words.destination);
  if (!destination) return tl::unexpected(destination.error());
  const auto source = words.source_ip.empty() ? Expected<dpdk::Address>() : dpdk::parse_address(words.source_ip);
  if (!source) return tl::unexpected(source.error());
  if (!source->is_none() && source->is_v4() != destination->is_v4())
    return input_error("--source-ip is not of the destination's IP version", words.source_ip, words.destination);
  const std::atomic<bool>& stop = interrupted();
  if (words.udp) {
    const auto prober = dpdk::make_udp_prober(*source, *destination, static_cast<std::uint8_t>(words.dscp));
    if (!prober) return tl::unexpected(prober.error());
    return dpdk::trace_paths(**prober, *options, stop);
  }
  if (source->is_none())
    return input_error("frames need a source address", "--source-ip", "or --udp, which has the host's own");
  const auto to = parse_mac("--destination-mac", words.destination_mac);
  if (!to) return tl::unexpected(to.error());
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return tl::unexpected(eal.error());
  dpdk::PortOptions port_options;
  port_options.device = words.port;
  const auto port = dpdk::Port::open(*eal, port_options);
  if (!port) return tl::unexpected(port.error());
  dpdk::FrameProbeHeaders headers{
      {*to, port->facts().mac, 0}, *source, *destination, static_cast<std::uint8_t>(words.dscp)};
  if (!words.source_mac.empty()) {
    const auto from = parse_mac("--source-mac", words.source_mac);
    if (!from) return tl::unexpected(from.error());
    headers.ethernet.source = *from;
  }
  const auto io = dpdk::make_frame_io(*port);
  if (!io) return tl::unexpected(io.error());
  const auto prober = dpdk::make_frame_prober(**io, headers);
  return dpdk::trace_paths(*prober, *options, stop);
}

Measurement measurement_of(const TraceWords& words, const dpdk::TraceResult& result) {
  Measurement m;
  m.provenance.backend = "dpdk";
  m.provenance.version = kVersion;
  m.provenance.options = {{"destination", words.destination}, {"probes", words.udp ? "udp" : "frames"}};
  m.counters = {{"probes", static_cast<double>(result.probes)}, {"answers", static_cast<double>(result.answers)}};
  return m;
}

std::string path_text(const dpdk::TracedPath& path) {
  std::string text;
  for (const dpdk::Address& hop : path.hops)
    text += (text.empty() ? "" : " > ") + (hop.is_none() ? std::string("*") : dpdk::address_text(hop));
  return text;
}

int finish(const TraceWords& words, const Measurement& m, const std::string& text, int code) {
  if (!words.json.empty())
    if (const auto done = write_file(words.json, to_json(m)); !done) return report_error(done.error());
  if (words.json != "-")
    if (const auto done = write_file("-", text); !done) return report_error(done.error());
  return code;
}

int nobody_answered(const TraceWords& words, const Measurement& m, const std::string& text, const char* way_out) {
  const int code = finish(words, m, text, kEnvironmentFailed);
  static_cast<void>(
      report_error(Error{ErrorCode::kEnvironment, "nobody answered a probe", words.destination, way_out, {}}));
  return code;
}

int show_paths(const TraceWords& words, const dpdk::TraceResult& result) {
  Measurement m = measurement_of(words, result);
  std::string text = fmt::format("{:>11}  path to {}\n", "source port", words.destination);
  for (const dpdk::TracedPath& path : result.paths) {
    text += fmt::format("{:>11}  {}{}\n", path.source_port, path_text(path), path.reached ? "" : " ...");
    m.notes.push_back(fmt::format("source port {}: {}", path.source_port, path_text(path)));
  }
  text += fmt::format("{} probes, {} answers\n", result.probes, result.answers);
  if (result.interrupted) return finish(words, m, text, kInterruptedBySignal);
  if (result.answers > 0) return finish(words, m, text, kGood);
  return nobody_answered(words, m, text, "routers must send ICMP time exceeded; check address, MAC and firewall");
}

int show_spread(const TraceWords& words, const dpdk::TraceResult& result) {
  const dpdk::HopSpread at = dpdk::spread_at(result, 0, words.next_hops);
  const dpdk::Spread& s = at.spread;
  Measurement m = measurement_of(words, result);
  std::string text = fmt::format("hop {} towards {}\n{:>16} {:>8} {:>8}\n", words.hop, words.destination, "next hop",
                                 "flows", "share");
  for (const auto& [address, flows] : at.next_hops) {
    text += fmt::format("{:>16} {:>8} {:>7.1f}%\n", dpdk::address_text(address), flows,
                        100 * static_cast<double>(flows) / static_cast<double>(s.flows));
    m.counters["flows_over_" + dpdk::address_text(address)] = static_cast<double>(flows);
  }
  text += fmt::format("{} of {} paths used; Jain {:.3f}, fullest / mean {:.2f}, chi-square {:.1f} (p {:.3g}){}\n",
                      s.used, s.paths, s.jain, s.max_mean, s.chi_square, s.p_value,
                      at.silent > 0 ? fmt::format("; {} flows without an answer", at.silent) : "");
  m.jain_index = s.jain;
  m.max_mean_ratio = s.max_mean;
  m.counters["chi_square"] = s.chi_square;
  m.counters["p_value"] = s.p_value;
  m.counters["flows_without_answer"] = static_cast<double>(at.silent);
  const auto verdict = [&](const std::string& sentence) {
    m.notes.push_back(sentence);
    text += sentence + "\n";
  };
  if (s.flows > 0 && s.polarized)
    verdict(
        fmt::format("polarized: {} flows leave {} of {} paths idle, which an even hash does less than once in a "
                    "million; does it take the UDP source port?",
                    s.flows, s.paths - s.used, s.paths));
  else if (s.flows > 0 && !s.even())
    verdict(fmt::format("uneven: an even hash spreads {} flows so badly with a chance of {:.2g}", s.flows, s.p_value));
  const bool one_path = s.paths == 1 && s.flows > 1 && words.next_hops == 0;
  if (one_path)
    verdict(fmt::format(
        "all {} flows take one path: polarized, or there is no other; --next-hops says how many there are", s.flows));
  if (result.interrupted) return finish(words, m, text, kInterruptedBySignal);
  if (s.flows == 0 && at.arrived > 0)
    return report_error(Error{ErrorCode::kInput,
                              "the destination itself answers there, so nothing is spread",
                              fmt::format("--hop {}", words.hop),
                              "a smaller hop",
                              {}});
  if (s.flows == 0) return nobody_answered(words, m, text, "routers must send ICMP time exceeded; is --hop right?");
  return finish(words, m, text, s.even() && !one_path ? kGood : kVerdictFailed);
}

int run(const TraceWords& words, const EalArguments& eal) {
  if (const auto writable = check_writable(words.json); !writable) return report_error(writable.error());
  const auto result = run_trace(words, eal);
  if (!result) return report_error(result.error());
  return words.ecmp ? show_spread(words, *result) : show_paths(words, *result);
}

void add_common(CLI::App& cmd, TraceWords& words) {
  cmd.add_option("destination", words.destination, "IP address of a host behind the fabric")->required();
  cmd.add_flag("--udp", words.udp, "Plain UDP sockets instead of a DPDK port: no privilege needed");
  cmd.add_option("--source-ip", words.source_ip, "Source address; with --udp: the host's choice");
  cmd.add_option("--destination-mac", words.destination_mac, "MAC address of the first router; not with --udp");
  cmd.add_option("--source-mac", words.source_mac, "Source MAC address; default: the port's");
  cmd.add_option("--port", words.port, "DPDK port: name or index");
  cmd.add_option("--flows", words.flows, "Source ports to try")->check(CLI::Range(1U, 16'384U))->capture_default_str();
  cmd.add_option("--first-port", words.first_port, "The first of them")
      ->check(CLI::Range(1024U, 65'535U))
      ->capture_default_str();
  cmd.add_option("--dscp", words.dscp, "Traffic class of the probes")
      ->check(CLI::Range(0U, 63U))
      ->capture_default_str();
  cmd.add_option("--attempts", words.attempts, "A probe without answer is sent as often")
      ->check(CLI::Range(1U, 10U))
      ->capture_default_str();
  cmd.add_option("--wait", words.wait, "For answers of a round")->capture_default_str();
  cmd.add_option("--probes-per-second", words.probes_per_second, "Routers limit the ICMP that they send")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  cmd.add_option("--json", words.json, "Measurement to a file; -: to stdout, without the table");
}

}  // namespace

void add_dpdk_trace(CLI::App& dpdk, std::function<int()>& run_it, const EalArguments& eal) {
  const auto words = std::make_shared<TraceWords>();
  CLI::App* cmd = dpdk.add_subcommand("trace", "The path of each source port, hop by hop, by probes of limited TTL");
  add_common(*cmd, *words);
  cmd->add_option("--hops", words->hops, "The last hop to ask")->check(CLI::Range(1U, 64U))->capture_default_str();
  cmd->callback([words, &run_it, &eal] { run_it = [words, &eal] { return run(*words, eal); }; });
}

void add_dpdk_ecmp(CLI::App& dpdk, std::function<int()>& run_it, const EalArguments& eal) {
  const auto words = std::make_shared<TraceWords>();
  words->ecmp = true;
  words->flows = 256;
  CLI::App* cmd = dpdk.add_subcommand(
      "ecmp", "How flows that differ in their source port spread over the next hops; exit 1 when badly");
  add_common(*cmd, *words);
  cmd->add_option("--hop", words->hop, "The hop whose routers are counted: 1 is the first router, 2 what it hashes to")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  cmd->add_option("--next-hops", words->next_hops, "As many as there should be; 0: those that answer")
      ->check(CLI::Range(0U, 4'096U))
      ->capture_default_str();
  cmd->callback([words, &run_it, &eal] { run_it = [words, &eal] { return run(*words, eal); }; });
}

}  // namespace weft
