// weft dpdk ecn: at which queues the bottleneck between two ports marks packets.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "apps/dpdk_stream_options.h"
#include "dpdk/checks/marking_run.h"
#include "dpdk/port.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

struct EcnWords {
  StreamWords stream;
  std::string port, to_port, rise = "2s", drain = "500ms", late = "200us", expect, json;
  double from = 0, to = 0;
  std::uint32_t payload = 1024, rounds = 5;
};

Expected<dpdk::MarkingRunOptions> make_options(const EcnWords& words) {
  dpdk::MarkingRunOptions o;
  const auto spec = make_stream_spec(words.stream);
  if (!spec) return tl::unexpected(spec.error());
  o.headers.ethernet = {spec->destination_mac, spec->source_mac, 0};
  if (spec->vlan) o.headers.vlan_tags.push_back(*spec->vlan);
  o.headers.ip = spec->ip;
  o.headers.bth.dest_qp = spec->dest_qp;
  o.payload = words.payload;
  o.from = words.from;
  o.to = words.to;
  o.rounds = words.rounds;
  for (const auto& [option, text, value] :
       {std::tuple("--rise", &words.rise, &o.ramp), std::tuple("--drain", &words.drain, &o.drain),
        std::tuple("--late", &words.late, &o.late_poll)}) {
    const auto duration = parse_duration(*text);
    if (!duration) return input_error(fmt::format("{}: no time", option), *text, "as 500ms");
    *value = *duration;
  }
  if (const auto good = dpdk::check(o); !good) return tl::unexpected(good.error());
  return o;
}

// "30K:90K", bytes; within a tenth and two bins.
Expected<std::optional<dpdk::MarkingCurve>> read_expected(const std::string& text) {
  if (text.empty()) return std::optional<dpdk::MarkingCurve>{};
  const std::size_t colon = text.find(':');
  const auto low = parse_nccl_size(text.substr(0, colon));
  const auto high = parse_nccl_size(colon == std::string::npos ? "" : text.substr(colon + 1));
  if (!low || !high || high->count < low->count)
    return input_error("--expect: no thresholds", text, "Kmin:Kmax in bytes, as 100K:400K");
  return dpdk::MarkingCurve{static_cast<double>(low->count), static_cast<double>(high->count), 1};
}

std::vector<std::string> failures_of(const dpdk::MarkingFit& fit, const std::optional<dpdk::MarkingCurve>& expected) {
  std::vector<std::string> failures;
  if (!expected) return failures;
  const auto compare = [&](const char* name, double found, double asked) {
    if (std::abs(found - asked) > 0.1 * asked + 2 * fit.resolution)
      failures.push_back(fmt::format("{} is {:.0f} bytes, and should be {:.0f}", name, found, asked));
  };
  compare("Kmin", fit.curve.k_min, expected->k_min);
  if (fit.saturated)
    compare("Kmax", fit.curve.k_max, expected->k_max);
  else
    failures.push_back("Kmax was not reached");
  return failures;
}

Measurement measurement_of(const dpdk::MarkingRunResult& run, const std::optional<dpdk::MarkingFit>& fit,
                           const std::vector<std::string>& failures) {
  Measurement m;
  m.provenance.backend = "dpdk";
  m.provenance.version = kVersion;
  m.provenance.options = {{"check", "ecn"}};
  const std::vector<std::pair<const char*, std::uint64_t>> counts{{"sent", run.sent},
                                                                  {"refused", run.refused},
                                                                  {"received", run.received},
                                                                  {"foreign", run.foreign},
                                                                  {"not_ecn_capable", run.not_capable},
                                                                  {"late_to_tell", run.late},
                                                                  {"samples", run.samples.size()}};
  for (const auto& [name, count] : counts) m.counters[name] = static_cast<double>(count);
  m.counters["drain_bits_per_s"] = static_cast<double>(run.drain.bits_per_second);
  m.counters["shortest_delay_us"] = run.base * 1e6;
  if (fit) {
    m.counters["k_min_bytes"] = fit->curve.k_min;
    m.counters["k_max_bytes"] = fit->curve.k_max;
    m.counters["p_max"] = fit->curve.p_max;
    m.counters["resolution_bytes"] = fit->resolution;
    m.counters["longest_queue_bytes"] = fit->longest_queue;
    m.counters["marked"] = static_cast<double>(fit->marked);
  }
  m.notes = failures;
  return m;
}

std::string table_of(const dpdk::MarkingRunResult& run, const dpdk::MarkingFit& fit) {
  std::string out =
      fmt::format("{:>14} {:>10} {:>10} {:>9} {:>9}\n", "queue[bytes]", "packets", "marked", "share", "fit");
  const std::size_t step = std::max<std::size_t>(1, fit.bins.size() / 20);
  for (std::size_t i = 0; i < fit.bins.size(); i += step) {
    const auto& bin = fit.bins[i];
    out += fmt::format("{:>14.0f} {:>10} {:>10} {:>8.1f}% {:>8.1f}%\n", bin.queue, bin.packets, bin.marked,
                       100.0 * static_cast<double>(bin.marked) / static_cast<double>(bin.packets),
                       100 * fit.curve.probability(bin.queue));
  }
  out += fmt::format("Kmin {:.0f} bytes, {} {:.0f} bytes, Pmax {:.2f}; good to {:.0f} bytes; the queue drains at {}\n",
                     fit.curve.k_min, fit.saturated ? "Kmax" : "Kmax not reached, beyond", fit.curve.k_max,
                     fit.curve.p_max, fit.resolution, to_text(run.drain));
  return out;
}

// Why there is no curve.
Error no_curve(const dpdk::MarkingRunResult& run) {
  const auto error = [](std::string message, std::string item, std::string way_out) {
    return Error{ErrorCode::kEnvironment, std::move(message), std::move(item), std::move(way_out), {}};
  };
  if (run.received == 0)
    return error("no packet came through", fmt::format("{} sent", run.sent), "cabling, --destination-mac, --to-port");
  if (run.drain.bits_per_second == 0)
    return error("no queue built up", fmt::format("{} of {} came", run.received, run.sent), "a higher --to");
  return error("all packets came marked", std::to_string(run.received),
               "a lower --from: the queue must be empty at first");
}

std::uint64_t steady_nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

int show(const EcnWords& words, const dpdk::MarkingRunResult& run, const std::optional<dpdk::MarkingCurve>& expected) {
  const auto queues = dpdk::queues_from_delays(run.samples, run.base, run.drain);
  const auto fit = dpdk::fit_marking(queues);
  std::vector<std::string> failures;
  if (fit) failures = failures_of(*fit, expected);
  const bool none = std::none_of(queues.begin(), queues.end(), [](const auto& sample) { return sample.marked; });
  if (none && run.drain.bits_per_second > 0) {
    double longest = 0;
    for (const auto& sample : queues) longest = std::max(longest, sample.queue);
    failures.push_back(fmt::format("nothing was marked, though the queue reached {:.0f} bytes{}", longest,
                                   run.not_capable > 0 ? "; ECN bits come cleared" : ""));
  }
  if (!words.json.empty())
    if (const auto done = write_file(words.json, to_json(measurement_of(run, fit, failures))); !done)
      return report_error(done.error());
  std::string text = fit ? table_of(run, *fit) : std::string{};
  for (const auto& failure : failures) text += failure + "\n";
  if (words.json != "-")
    if (const auto done = write_file("-", text); !done) return report_error(done.error());
  if (run.interrupted) return kInterruptedBySignal;
  if (!failures.empty()) return kVerdictFailed;
  return fit ? kGood : report_error(no_curve(run));
}

int run_ecn(const EcnWords& words, const EalArguments& eal_arguments) {
  if (const auto writable = check_writable(words.json); !writable) return report_error(writable.error());
  auto options = make_options(words);
  if (!options) return report_error(options.error());
  const auto expected = read_expected(words.expect);
  if (!expected) return report_error(expected.error());
  const std::atomic<bool>& stop = interrupted();
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return report_error(eal.error());
  dpdk::PortOptions port_options;
  port_options.device = words.port;
  port_options.largest_frame = std::max(1514U, words.payload + 100);
  const auto from = dpdk::Port::open(*eal, port_options);
  if (!from) return report_error(from.error());
  port_options.device = words.to_port;
  const auto to = dpdk::Port::open(*eal, port_options);
  if (!to) return report_error(to.error());
  if (words.stream.source_mac.empty()) options->headers.ethernet.source = from->facts().mac;
  const auto out = dpdk::make_frame_io(*from);
  if (!out) return report_error(out.error());
  const auto in = dpdk::make_frame_io(*to);
  if (!in) return report_error(in.error());
  to->drain();
  const auto result = dpdk::run_marking(**out, **in, *options, steady_nanoseconds, stop);
  return result ? show(words, *result, *expected) : report_error(result.error());
}

void add_path_options(CLI::App& cmd, EcnWords& w) {
  cmd.add_option("--destination-mac", w.stream.destination_mac, "Of the receiving port, or the first router");
  cmd.add_option("--source-mac", w.stream.source_mac, "Default: the sending port's");
  cmd.add_option("--source-ip", w.stream.source_ip, "IPv4 or IPv6")->capture_default_str();
  cmd.add_option("--destination-ip", w.stream.destination_ip, "IPv4 or IPv6")->capture_default_str();
  cmd.add_option("--vlan", w.stream.vlan, "As weft dpdk send has it");
  cmd.add_option("--dscp", w.stream.dscp, "Traffic class")->check(whole_number(63))->capture_default_str();
}

}  // namespace

void add_dpdk_ecn(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  const auto words = std::make_shared<EcnWords>();
  EcnWords& w = *words;
  CLI::App* cmd = dpdk.add_subcommand(
      "ecn", "Raises the load from one port to another and finds Kmin and Kmax of the bottleneck from its marks");
  cmd->add_option("--port", w.port, "Port that sends")->required();
  cmd->add_option("--to-port", w.to_port, "Port that receives; of the same host, for delays are measured")->required();
  cmd->add_option("--from", w.from, "Packets per second at first, which cause no queue")->required();
  cmd->add_option("--to", w.to, "Packets per second at last, more than the bottleneck carries")->required();
  cmd->add_option("--rise", w.rise, "How long the load rises")->capture_default_str();
  cmd->add_option("--rounds", w.rounds, "How often")->check(whole_number(1000, 1))->capture_default_str();
  cmd->add_option("--drain", w.drain, "Silence after it, for the queue to empty")->capture_default_str();
  cmd->add_option("--late", w.late, "Packets that come after a longer pause of this program are not judged")
      ->capture_default_str();
  cmd->add_option("--size", w.payload, "Bytes of payload")->check(whole_number(4096, 16))->capture_default_str();
  cmd->add_option("--expect", w.expect, "Kmin:Kmax that should be found, bytes; exit 1 where they are not");
  cmd->add_option("--json", w.json, "Write the Measurement as JSON; -: to stdout, without the table")
      ->type_name("FILE");
  add_path_options(*cmd, w);
  cmd->callback([words, &run, &eal] { run = [words, &eal] { return run_ecn(*words, eal); }; });
}

}  // namespace weft
