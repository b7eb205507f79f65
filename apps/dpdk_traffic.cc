// weft dpdk send, receive, loop: words to TrafficOptions, a run, and what it came to.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "apps/dpdk_stream_options.h"
#include "apps/dpdk_streams.h"
#include "apps/dpdk_tables.h"
#include "dpdk/traffic_report.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

struct TrafficWords {
  StreamWords stream;
  std::string stream_file;
  CollectiveWords collective;
  bool sends = false, judges = false;
  std::string port, to, duration, drain = "200ms", inject, icrc = "all", cnp_interval = "50us";
  std::string pcap_sent, pcap_received, json, reflect_delay;
  std::uint32_t queues = 1, largest_frame = 1514;
  std::uint64_t receive_count = 0, pcap_frames = UINT64_MAX;
  std::uint64_t most_lost = UINT64_MAX;
  bool answer_ce = false, quiet = false, dcqcn = false, reflect = false, round_trip = false;
  std::string line_rate;
  std::int32_t sender_qp_offset = 0;
};

Expected<Duration> read_duration(const char* option, const std::string& text) {
  if (text.empty()) return Duration{};
  const auto duration = parse_duration(text);
  if (!duration) return input_error(fmt::format("{}: no time", option), text, "as 10s or 500ms");
  return *duration;
}

Expected<std::uint32_t> read_icrc(const std::string& text) {
  if (text == "all") return 1;
  if (text == "none") return 0;
  if (whole_number(UINT32_MAX, 1)(text).empty()) return static_cast<std::uint32_t>(std::stoul(text));
  return input_error("--icrc: which frames to check", text, "all, none, or a number N: one in N");
}

Expected<std::vector<dpdk::StreamSpec>> make_streams(const TrafficWords& words) {
  if (!words.stream_file.empty()) {
    if (!words.collective.fabric.empty())
      return input_error("two sources of streams", words.stream_file, "--streams or --fabric");
    return read_stream_file(words.stream_file);
  }
  const bool fabric = !words.collective.fabric.empty();
  auto spec = fabric ? stream_of_collective(words.collective, words.stream) : make_stream_spec(words.stream);
  if (!spec) return tl::unexpected(spec.error());
  if (fabric && spec->count == 0 && words.duration.empty()) {  // the step once: a message of each flow
    const auto stream = dpdk::Stream::create(*spec);
    if (!stream) return tl::unexpected(stream.error());
    spec->count = std::uint64_t{stream->packets_a_message()} * spec->qps;
  }
  return std::vector{std::move(*spec)};
}

Expected<dpdk::TrafficOptions> make_options(const TrafficWords& words) {
  dpdk::TrafficOptions o;
  o.judge = words.judges;
  o.queues = static_cast<std::uint16_t>(words.queues);
  o.sending_device = o.receiving_device = words.port;
  if (!words.to.empty()) o.receiving_device = words.to;
  o.largest_frame = words.largest_frame;
  o.receive_count = words.receive_count;
  o.capture_sent = words.pcap_sent;
  o.capture_received = words.pcap_received;
  o.capture_frames = words.pcap_frames;
  if (words.sends) {
    auto streams = make_streams(words);
    if (!streams) return tl::unexpected(streams.error());
    o.streams = std::move(*streams);
  }
  if (words.dcqcn) o.dcqcn = DcqcnSpec{};
  if (!words.line_rate.empty()) {
    const auto rate = parse_rate(words.line_rate);
    if (!rate) return input_error("--line-rate: no rate", words.line_rate, "as 100Gbps");
    o.line_rate = *rate;
  }
  if (!words.inject.empty()) {
    const auto mishaps = dpdk::parse_mishaps(words.inject);
    if (!mishaps) return tl::unexpected(mishaps.error());
    o.mishaps = *mishaps;
  }
  const auto icrc = read_icrc(words.icrc);
  if (!icrc) return tl::unexpected(icrc.error());
  o.judging.icrc_one_in = *icrc;
  o.judging.answer_ce = words.answer_ce;
  o.judging.sender_qp_offset = words.sender_qp_offset;
  o.judging.round_trips = words.round_trip;
  o.judging.reflect = words.reflect || (words.round_trip && words.judges);  // a loop is its own far end
  if (!o.judging.reflect && !words.reflect_delay.empty())
    return input_error("--reflect-delay without --reflect", words.reflect_delay, "with --reflect");
  for (const auto& [option, text, value] :
       {std::tuple("--duration", &words.duration, &o.duration), std::tuple("--drain", &words.drain, &o.drain),
        std::tuple("--reflect-delay", &words.reflect_delay, &o.reflecting.delay),
        std::tuple("--cnp-interval", &words.cnp_interval, &o.judging.cnp_interval)}) {
    const auto duration = read_duration(option, *text);
    if (!duration) return tl::unexpected(duration.error());
    *value = *duration;
  }
  return o;
}

void judge_limits(const TrafficWords& words, Measurement& m) {
  if (words.most_lost == UINT64_MAX || m.traffic.empty() || (!words.judges && !words.round_trip)) return;
  TrafficPoint& point = m.traffic.back();
  const double lost = point.counters[point.operation == "round_trip" ? "not_returned" : "lost"];
  if (lost > static_cast<double>(words.most_lost))
    point.failures.push_back(fmt::format("lost {:.0f} packets, and at most {} may be", lost, words.most_lost));
}

int show(const TrafficWords& words, const dpdk::TrafficOptions& options, const dpdk::TrafficResult& result) {
  Measurement m = dpdk::to_measurement(options, result);
  m.provenance.version = kVersion;
  judge_limits(words, m);
  if (!words.json.empty())
    if (const auto done = write_file(words.json, to_json(m)); !done) return report_error(done.error());
  if (words.json != "-")
    if (const auto done = write_file("-", traffic_text(m, result)); !done) return report_error(done.error());
  if (result.interrupted) return kInterruptedBySignal;
  if (words.round_trip && result.judged.returned == 0)
    return report_error(Error{ErrorCode::kEnvironment,
                              "no packet came back",
                              "",
                              "weft dpdk receive --reflect at the destination, and addresses that lead there and back",
                              {}});
  for (const TrafficPoint& point : m.traffic)
    if (!point.failures.empty()) return kVerdictFailed;
  return kGood;
}

int run_traffic(const TrafficWords& words, const EalArguments& eal_arguments) {
  if (words.sends && words.stream.opcode == "list") {
    const auto done = write_file("-", opcode_list());
    return done ? kGood : report_error(done.error());
  }
  for (const std::string* path : {&words.json, &words.pcap_sent, &words.pcap_received})
    if (const auto writable = check_writable(*path); !writable) return report_error(writable.error());
  const auto options = make_options(words);
  if (!options) return report_error(options.error());
  const std::atomic<bool>& stop = interrupted();
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return report_error(eal.error());
  const auto traffic = dpdk::Traffic::create(*eal, *options);
  if (!traffic) return report_error(traffic.error());
  if (const std::string warning = (*traffic)->rdma_warning(); words.judges && !warning.empty())
    std::fputs(fmt::format("weft: {}\n", warning).c_str(), stderr);
  LiveTable table;
  const bool live = !words.quiet && isatty(STDERR_FILENO) == 1;
  const auto result = (*traffic)->run(stop, [&](const dpdk::TrafficSnapshot& now) {
    if (live) std::fputs(table.line(now).c_str(), stderr);
  });
  if (!result) return report_error(result.error());
  return show(words, *options, *result);
}

void add_common_options(CLI::App& cmd, TrafficWords& w) {
  cmd.add_option("--port", w.port, "Port by name or index (weft dpdk ports); default: the first");
  cmd.add_option("--queues", w.queues, "Queues, and threads: one each")
      ->check(whole_number(64, 1))
      ->capture_default_str();
  cmd.add_option("--duration", w.duration, "How long, as 10s; default: until the count is reached, or Ctrl-C");
  cmd.add_option("--pcap-frames", w.pcap_frames, "Frames of a capture at most")->check(whole_number(UINT64_MAX));
  cmd.add_option("--json", w.json, "Write the Measurement as JSON; -: to stdout, without the table")->type_name("FILE");
  cmd.add_flag("--quiet", w.quiet, "No line a second on the terminal");
}

void add_sending_options(CLI::App& cmd, TrafficWords& w) {
  add_stream_options(cmd, w.stream);
  cmd.add_option("--streams", w.stream_file, "YAML list of streams; keys are the options above")->type_name("FILE");
  cmd.add_option("--fabric", w.collective.fabric,
                 "Plays the heaviest step of a collective of --size on this fabric file")
      ->type_name("SPEC");
  cmd.add_option("--collective", w.collective.collective, "As weft predict has them")->capture_default_str();
  cmd.add_option("--algorithm", w.collective.algorithm, "docs/collectives.md; default: the collective's first");
  cmd.add_option("--ranks", w.collective.ranks, "Default: every GPU")->check(whole_number(UINT32_MAX));
  cmd.add_option("--group-size", w.collective.group_size, "Ranks of one collective")->check(whole_number(UINT32_MAX));
  cmd.add_option("--inject", w.inject,
                 "Faults of one in N packets: drop=N,duplicate=N,reorder=N:DEPTH,ce=N,bad_icrc=N");
  cmd.add_flag("--dcqcn", w.dcqcn, "QPs react to CNPs as a NIC's do (DCQCN)");
  cmd.add_option("--line-rate", w.line_rate, "What DCQCN starts from, as 100Gbps; default: the port's");
  cmd.add_option("--pcap-sent", w.pcap_sent, "Capture of what is sent; slow")->type_name("FILE");
}

void add_max_lost(CLI::App& cmd, TrafficWords& w, const char* meaning) {
  cmd.add_option("--max-lost", w.most_lost, meaning)->check(whole_number(UINT64_MAX));
}

void add_drain(CLI::App& cmd, TrafficWords& w) {
  cmd.add_option("--drain", w.drain, "Silence that ends the receiving")->capture_default_str();
}

void add_reflect_delay(CLI::App& cmd, TrafficWords& w) {
  cmd.add_option("--reflect-delay", w.reflect_delay, "Hold what is sent back for so long, as 2ms");
}

void add_judging_options(CLI::App& cmd, TrafficWords& w) {
  cmd.add_option("--icrc", w.icrc, "Which ICRCs to check: all, none, or N: one in N frames")->capture_default_str();
  cmd.add_flag("--cnp", w.answer_ce, "Answer CE marks with CNPs, as a NIC does");
  cmd.add_option("--cnp-interval", w.cnp_interval, "Between CNPs of a flow, at least")->capture_default_str();
  cmd.add_option("--cnp-qp-offset", w.sender_qp_offset, "From a packet's dest QP to the QP that its CNP goes to")
      ->check(CLI::Range(-0xFFFFFF, 0xFFFFFF));
  add_max_lost(cmd, w, "Exit code 1 where more packets are lost");
  cmd.add_option("--pcap", w.pcap_received, "Capture of what comes; slow")->type_name("FILE");
}

std::shared_ptr<TrafficWords> make(CLI::App* cmd, std::function<int()>& run, const EalArguments& eal) {
  auto words = std::make_shared<TrafficWords>();
  add_common_options(*cmd, *words);
  cmd->callback([words, &run, &eal] { run = [words, &eal] { return run_traffic(*words, eal); }; });
  return words;
}

}  // namespace

void add_dpdk_send(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  CLI::App* cmd = dpdk.add_subcommand("send", "Sends RoCEv2 streams");
  const auto words = make(cmd, run, eal);
  words->sends = true;
  add_sending_options(*cmd, *words);
  cmd->add_flag("--round-trip", words->round_trip,
                "Judge what weft dpdk receive --reflect sends back: loss and latency of both ways");
  add_drain(*cmd, *words);
  add_max_lost(*cmd, *words, "With --round-trip: exit code 1 where more packets do not come back");
}

void add_dpdk_receive(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  CLI::App* cmd = dpdk.add_subcommand("receive", "Judges RoCEv2 that comes: loss, order, copies, ICRC, latency, marks");
  const auto words = make(cmd, run, eal);
  words->judges = true;
  add_judging_options(*cmd, *words);
  cmd->add_flag("--reflect", words->reflect, "Send stamped packets back, for weft dpdk send --round-trip");
  add_reflect_delay(*cmd, *words);
  cmd->add_option("--count", words->receive_count, "Ends when so many frames came")->check(whole_number(UINT64_MAX));
  cmd->add_option("--largest-frame", words->largest_frame, "Bytes of the largest frame that may come, without FCS")
      ->check(whole_number(16'000, 64))
      ->capture_default_str();
}

void add_dpdk_loop(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  CLI::App* cmd = dpdk.add_subcommand("loop", "Sends and judges in one process, on a looped port or a cabled pair");
  const auto words = make(cmd, run, eal);
  words->sends = words->judges = true;
  add_sending_options(*cmd, *words);
  add_judging_options(*cmd, *words);
  cmd->add_option("--to", words->to, "Port that receives; default: the one that sends");
  cmd->add_flag("--round-trip", words->round_trip, "Also reflect what came, and judge what comes back");
  add_reflect_delay(*cmd, *words);
  add_drain(*cmd, *words);
}

}  // namespace weft
