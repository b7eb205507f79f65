#include "apps/verbs_options.h"

#include <fmt/format.h>

#include "apps/arguments.h"
#include "fabric/units.h"

namespace weft {
namespace {

constexpr std::uint64_t kMost32 = 0xffffffffULL;

}  // namespace

void add_plan_options(CLI::App& command, PairCommand& o) {
  command.option_defaults()->always_capture_default();  // shown by --help
  auto& list = o.of_the_caller;
  const auto number = [&](const char* name, auto& value, const char* text) {
    list.push_back(command.add_option(name, value, text)->check(whole_number(kMost32)));
  };
  const auto flag = [&](const char* name, bool& value, const char* text) {
    list.push_back(command.add_flag(name, value, text));
  };
  list.push_back(command.add_option("--op", o.op, "write, write_imm, read, send, atomic_cas, atomic_fadd"));
  list.push_back(command.add_option("--transport", o.transport, "RC, UC, UD, XRC"));
  list.push_back(command.add_option("--sizes", o.sizes,
                                    "4K, a list 2,4K,1M or a range 2:8M[:xFACTOR]; K, M binary;"
                                    " default: 64K, of latency 2, of atomics 8"));
  number("--iterations", o.plan.iterations,
         "messages of each QP at each size; 0: --duration, or 5000 (1000 of latency, reads, atomics)");
  list.push_back(command.add_option("--duration", o.duration, "of each size, such as 10s"));
  flag("--until-interrupted", o.until_interrupted, "run until Ctrl-C; a row each second, and one of all at the end");
  number("--warm-up", o.plan.warm_up, "messages of each QP before the clock runs");
  number("--qps", o.plan.qps, "QPs");
  number("--depth", o.plan.depth, "sends under way on each QP");
  number("--receives", o.plan.receives, "receives posted on each QP, or on the SRQ");
  number("--cq-moderation", o.plan.cq_moderation, "sends a completion; 0: 100, above 8 KiB 1");
  number("--post-list", o.plan.post_list, "sends a doorbell");
  list.push_back(command.add_option("--inline", o.inline_size, "bytes that go inline; -1: 0, for latency 220")
                     ->check(CLI::Range(-1, 4096)));
  number("--reads", o.plan.reads, "reads and atomics under way on a QP; 0: what both devices have");
  number("--mtu", o.plan.mtu, "path MTU; 0: the smaller of both ports");
  number("--flow-label", o.plan.flow_label, "of the first QP, the next ones count up; 0: the device's choice");
  number("--service-level", o.plan.service_level, "SL; with RoCE the priority");
  number("--traffic-class", o.plan.traffic_class, "IP TOS of RoCE packets");
  list.push_back(command.add_option("--dscp", o.dscp, "upper six bits of the traffic class")->check(whole_number(63)));
  list.push_back(command.add_option("--rate-limit", o.rate_limit, "of each sending host, such as 10Gbps"));
  flag("--bidirectional", o.plan.bidirectional, "both hosts send");
  flag("--srq", o.plan.srq, "one shared receive queue");
  flag("--events", o.plan.events, "sleep until completions come, instead of polling");
  flag("--verify", o.plan.verify, "check every byte of every message");
  flag("--rdma-cm", o.plan.rdma_cm, "connect by rdma_cm (iWARP needs it)");
}

void add_local_options(CLI::App& command, PairCommand& o) {
  command.add_option("--device", o.choice.device,
                     "RDMA device; default: the one with the address that reaches the peer");
  command.add_option("--ib-port", o.choice.port, "its port; 0: the first that is up")->check(whole_number(255));
  command.add_option("--gid-index", o.choice.gid_index, "-1: RoCEv2 and IPv4 where there is one")
      ->check(CLI::Range(-1, 255));
  command.add_option("--bind", o.choice.bind, "local address to connect from or listen on");
  command.add_option("--control-port", o.choice.control_port, "TCP port of the exchange")
      ->check(whole_number(65535, 1));
  command
      .add_option_function<std::string>(
          "--memory",
          [&o](const std::string& text) {
            auto kind = verbs::parse_memory_kind(text);
            if (!kind) throw CLI::ValidationError("--memory", kind.error().text());
            o.choice.memory = *kind;
          },
          "that messages come from and go to: host, dmabuf:cuda[:NUMBER]")
      ->default_str("host");
  command.add_option("--cpu", o.choice.cpus,
                     "processors to run on, such as 3 or 0-7; default: those next to the device");
}

void add_result_options(CLI::App& command, PairCommand& o) {
  command.add_option("--unit", o.unit, "gbits or mib")->check(CLI::IsMember({"gbits", "mib"}));
  command.add_option("--json", o.json, "Measurement of all sizes to a file; - for stdout");
  command.add_option("--csv", o.csv, "rows to a file; - for stdout");
  command.add_option("--min-gbits", o.min_gbits, "exit 1 if the average of any size is below")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--max-usec", o.max_usec, "exit 1 if the percentile of any size is above")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--percentile", o.percentile, "that --max-usec is of: 50, 90, 99, 99.9, 99.99 or 100")
      ->check(CLI::IsMember({"50", "90", "99", "99.9", "99.99", "100"}));
  command.add_flag("--quiet", o.quiet, "no notes on stderr");
}

void add_pair_options(CLI::App& command, PairCommand& options) {
  command.add_option("peer", options.peer, "address of the host that listens");
  command.add_flag("--listen", options.listen, "serve one caller, whose plan decides");
  add_plan_options(command, options);
  add_local_options(command, options);
  add_result_options(command, options);
}

Expected<verbs::PairPlan> to_plan(const PairCommand& o) {
  verbs::PairPlan plan = o.plan;
  plan.latency = o.latency;
  const auto op = verbs::parse_op(o.op);
  if (!op) return tl::unexpected(op.error());
  const auto transport = verbs::parse_transport(o.transport);
  if (!transport) return tl::unexpected(transport.error());
  if (plan.rdma_cm && (plan.flow_label != 0 || plan.mtu != 0))
    return input_error("rdma_cm chooses the path by itself", plan.mtu != 0 ? "--mtu" : "--flow-label",
                       "leave it out, or --rdma-cm");
  plan.op = *op;
  plan.transport = *transport;
  const char* const usual = verbs::is_atomic(plan.op) ? "8" : o.latency ? "2" : "64K";
  auto sizes = verbs::parse_sizes(o.sizes.empty() ? usual : o.sizes);
  if (!sizes) return tl::unexpected(sizes.error());
  plan.sizes = std::move(*sizes);
  if (!o.duration.empty()) {
    const auto duration = parse_duration(o.duration);
    if (!duration) return tl::unexpected(duration.error());
    plan.duration_ms = static_cast<std::uint64_t>(duration->picoseconds / 1'000'000'000);
    if (plan.duration_ms == 0) return input_error("--duration is too short", o.duration, "1ms or more");
  }
  if ((plan.iterations > 0) + (plan.duration_ms > 0) + o.until_interrupted > 1)
    return input_error("--iterations, --duration and --until-interrupted exclude each other");
  if (plan.iterations == 0 && plan.duration_ms == 0 && !o.until_interrupted)
    plan.iterations = o.latency ? 1000 : plan.op == verbs::Op::kRead || verbs::is_atomic(plan.op) ? 1000 : 5000;
  plan.inline_size = static_cast<std::uint32_t>(o.inline_size >= 0 ? o.inline_size : o.latency ? 220 : 0);
  if (o.dscp > 0) {
    if (plan.traffic_class > 0) return input_error("--dscp and --traffic-class exclude each other");
    plan.traffic_class = o.dscp << 2U;
  }
  if (!o.rate_limit.empty()) {
    const auto rate = parse_rate(o.rate_limit);
    if (!rate) return tl::unexpected(rate.error());
    plan.rate_limit = static_cast<std::uint64_t>(rate->bits_per_second);
  }
  if (auto good = check(plan); !good) return tl::unexpected(good.error());
  return plan;
}

std::vector<std::string> missed(const PairCommand& o, const TrafficPoint& point) {
  std::vector<std::string> out;
  if (o.min_gbits > 0 && point.gbits_average < o.min_gbits)
    out.push_back(
        fmt::format("{} B: {:.4f} Gb/s is below --min-gbits {:g}", point.size.count, point.gbits_average, o.min_gbits));
  if (o.max_usec > 0 && point.latency) {
    const LatencySummary& l = *point.latency;
    const Duration value = o.percentile == "50"      ? l.p50
                           : o.percentile == "90"    ? l.p90
                           : o.percentile == "99.9"  ? l.p999
                           : o.percentile == "99.99" ? l.p9999
                           : o.percentile == "100"   ? l.max
                                                     : l.p99;
    const double usec = static_cast<double>(value.picoseconds) / 1e6;
    if (usec > o.max_usec)
      out.push_back(fmt::format("{} B: {:.2f} us at {} % is above --max-usec {:g}", point.size.count, usec,
                                o.percentile, o.max_usec));
  }
  return out;
}

}  // namespace weft
