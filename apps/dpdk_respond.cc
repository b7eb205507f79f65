// weft dpdk respond: an RC queue pair in user space that exchanges data with a peer's, every byte verified.
#include <fmt/format.h>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "apps/rc_exercise_run.h"
#include "dpdk/port.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

constexpr std::uint32_t kHeadRoom = 14 + 2 * 4 + 40 + 8 + 12 + 16 + 4 + 4;  // headers and ICRC around an MTU, at most

struct RespondWords {
  std::string listen, connect, address, bind, port, json, limit = "60s", timeout = "67ms";
  std::vector<std::string> operations{"send", "write", "read"};
  std::vector<std::string> sizes{"1B", "4096B", "64KiB"};
  std::uint32_t messages = 32, mtu = 1024, window = 64, retries = 7;
};

struct Peer {
  std::string host;
  std::uint16_t port = verbs::kDefaultControlPort;
};

Expected<Peer> parse_peer(const char* option, const std::string& text) {
  Peer peer;
  const std::size_t colon = text.rfind(':');
  const std::string number = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (!number.empty() && whole_number(65535, 1)(std::string(number)).empty()) {
    peer.host = text.substr(0, colon);
    peer.port = static_cast<std::uint16_t>(std::stoul(number));
    return peer;
  }
  return input_error(fmt::format("{}: no HOST:PORT", option), text, "as 192.0.2.1:18600, or :18600 to listen anywhere");
}

Expected<RcSide> make_side(const RespondWords& words) {
  RcSide side;
  side.caller = !words.connect.empty();
  side.address = words.address;
  side.exercise.ops.clear();
  side.exercise.sizes.clear();
  for (const std::string& name : words.operations) {
    const auto op = dpdk::rc::parse_op(name);
    if (!op) return tl::unexpected(op.error());
    side.exercise.ops.push_back(*op);
  }
  for (const std::string& text : words.sizes) {
    const auto size = parse_bytes(text);
    if (!size) return tl::unexpected(size.error());
    if (size->count > static_cast<std::int64_t>(dpdk::rc::kMostMemory))
      return input_error("--sizes: too large", text, "at most 256MiB");
    side.exercise.sizes.push_back(static_cast<std::uint32_t>(size->count));
  }
  side.exercise.messages = words.messages;
  side.exercise.mtu = words.mtu;
  if (const auto good = dpdk::rc::check(side.exercise); !good) return tl::unexpected(good.error());
  const auto limit = parse_duration(words.limit), timeout = parse_duration(words.timeout);
  if (!limit) return tl::unexpected(limit.error());
  if (!timeout) return tl::unexpected(timeout.error());
  side.step_limit = *limit;
  side.settings.timeout = *timeout;
  side.settings.window = words.window;
  side.settings.retries = static_cast<std::uint8_t>(words.retries);
  return side;
}

// Before the port is opened: the peer of a memif comes as soon as both ports are there.
Expected<std::optional<verbs::Listener>> listen(const Peer& peer, const RcSide& side) {
  if (side.caller) return std::nullopt;
  auto listener = verbs::Listener::listening(peer.host, peer.port);
  if (!listener) return tl::unexpected(listener.error());
  return std::optional(std::move(*listener));
}

Expected<verbs::Control> meet(const RespondWords& words, const Peer& peer, std::optional<verbs::Listener>& listener,
                              const RcSide& side, const std::atomic<bool>& stop) {
  const verbs::Milliseconds limit(side.step_limit.picoseconds / 1'000'000'000);
  if (side.caller) {
    auto control = verbs::Control::connected(peer.host, peer.port, words.bind, limit, &stop);
    if (!control && !control.error().way_out.empty())
      control.error().way_out = "start `weft dpdk respond --listen` there first; check the address and firewalls";
    return control;
  }
  return listener->accepted(limit, limit, &stop);
}

std::string table(const RcOutcome& outcome) {
  std::string out =
      fmt::format("{:<10} {:<5} {:>10} {:>9} {:>10} {:>9} {:>8} {:>8} {:>6} {:>9} {:>9}  {}\n", "operation", "from",
                  "size", "messages", "time", "Gb/s", "packets", "resent", "NAKs", "timeouts", "wrong B", "verdict");
  for (const TrafficPoint& p : outcome.points) {
    const auto count = [&](const char* name) { return p.counters.at(name); };
    out += fmt::format(
        "{:<10} {:<5} {:>10} {:>9} {:>8.3f} s {:>9.4f} {:>8.0f} {:>8.0f} {:>6.0f} {:>9.0f} {:>9.0f}  {}\n", p.operation,
        p.from, to_text(p.size), p.messages, p.time.seconds(), p.gbits_average, count("packets_sent"), count("resent"),
        count("sequence_naks_received") + count("sequence_naks_sent"), count("timeouts"), count("wrong_bytes"),
        p.failures.empty() ? "good" : p.failures.front());
  }
  const dpdk::rc::EndpointCounts& c = outcome.endpoint;
  return out + fmt::format(
                   "frames of this QP {}; dropped: {} of a wrong ICRC, {} of another address, {} of another "
                   "P_Key; of others {}\n",
                   c.frames, c.bad_icrc, c.wrong_source, c.wrong_partition, c.others);
}

Measurement to_measurement(const RcOutcome& outcome, const RcSide& side) {
  Measurement m;
  m.provenance.backend = "dpdk respond";
  m.provenance.version = kVersion;
  m.provenance.options["mtu"] = std::to_string(side.exercise.mtu);
  m.provenance.options["role"] = side.caller ? "connects" : "listens";
  m.traffic = outcome.points;
  m.counters["frames"] = static_cast<double>(outcome.endpoint.frames);
  m.counters["bad_icrc"] = static_cast<double>(outcome.endpoint.bad_icrc);
  m.counters["frames_of_others"] = static_cast<double>(outcome.endpoint.others);
  m.counters["wrong_source"] = static_cast<double>(outcome.endpoint.wrong_source);
  m.counters["wrong_partition"] = static_cast<double>(outcome.endpoint.wrong_partition);
  m.counters["ce_marked"] = static_cast<double>(outcome.endpoint.ce_marked);
  if (outcome.ended) m.notes.push_back(outcome.ended->text());
  return m;
}

int show(const RespondWords& words, const RcSide& side, const RcOutcome& outcome) {
  const Measurement m = to_measurement(outcome, side);
  if (!words.json.empty())
    if (const auto done = write_file(words.json, to_json(m)); !done) return report_error(done.error());
  if (words.json != "-")
    if (const auto done = write_file("-", table(outcome)); !done) return report_error(done.error());
  for (const TrafficPoint& point : m.traffic)
    if (!point.failures.empty()) return kVerdictFailed;
  return outcome.ended ? report_error(*outcome.ended) : kGood;
}

int run_respond(const RespondWords& words, const EalArguments& eal_arguments) {
  if (const auto writable = check_writable(words.json); !writable) return report_error(writable.error());
  auto side = make_side(words);
  if (!side) return report_error(side.error());
  const auto peer = parse_peer(side->caller ? "--connect" : "--listen", side->caller ? words.connect : words.listen);
  if (!peer) return report_error(peer.error());
  const std::atomic<bool>& stop = interrupted();
  side->stop = &stop;
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return report_error(eal.error());
  auto listener = listen(*peer, *side);
  if (!listener) return report_error(listener.error());
  dpdk::PortOptions options;
  options.device = words.port;
  options.largest_frame = words.mtu + kHeadRoom;
  const auto port = dpdk::Port::open(*eal, options);
  if (!port) return report_error(port.error());
  const auto io = dpdk::make_frame_io(*port);
  if (!io) return report_error(io.error());
  side->mac = port->facts().mac;
  auto control = meet(words, *peer, *listener, *side, stop);
  if (!control) return report_error(control.error());
  const auto outcome = run_exercise(*control, **io, *side);
  if (!outcome) return report_error(outcome.error());
  return show(words, *side, *outcome);
}

}  // namespace

void add_dpdk_respond(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  const auto w = std::make_shared<RespondWords>();
  CLI::App* cmd = dpdk.add_subcommand(
      "respond", "An RC queue pair in user space: SEND, WRITE and READ both ways with a peer, every byte verified");
  auto* listen = cmd->add_option("--listen", w->listen, "Wait for the peer at [HOST]:PORT (TCP)");
  auto* connect = cmd->add_option("--connect", w->connect, "Go to the peer at HOST:PORT, and say what is done");
  listen->excludes(connect);
  cmd->add_option("--address", w->address, "IP address of this end's frames")->required();
  cmd->add_option("--bind", w->bind, "Local address of the TCP connection");
  cmd->add_option("--port", w->port, "Port by name or index (weft dpdk ports); default: the first");
  cmd->add_option("--operations", w->operations, "send, send_imm, write, write_imm, read")->delimiter(',');
  cmd->add_option("--sizes", w->sizes, "Of messages, as 1B,64KiB")->delimiter(',');
  cmd->add_option("--messages", w->messages, "Of each step")
      ->check(whole_number(dpdk::rc::kMostMessages, 1))
      ->capture_default_str();
  cmd->add_option("--mtu", w->mtu, "Path MTU; both ends give the same")
      ->check(whole_number(4096))
      ->capture_default_str();
  cmd->add_option("--window", w->window, "Packets under way")->check(whole_number(4096, 1))->capture_default_str();
  cmd->add_option("--timeout", w->timeout, "Without an answer, until packets are sent again")->capture_default_str();
  cmd->add_option("--retries", w->retries, "Without progress, until the connection fails")
      ->check(whole_number(255))
      ->capture_default_str();
  cmd->add_option("--limit", w->limit, "On each wait for the peer")->capture_default_str();
  cmd->add_option("--json", w->json, "Write the Measurement as JSON; -: to stdout, without the table")
      ->type_name("FILE");
  cmd->callback([w, listen, connect, &run, &eal] {
    if (listen->count() + connect->count() == 0) throw CLI::RequiredError("--listen or --connect");
    run = [w, &eal] { return run_respond(*w, eal); };
  });
}

}  // namespace weft
