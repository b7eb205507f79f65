#include "dpdk/traffic_report.h"

#include <fmt/format.h>

namespace weft::dpdk {
namespace {

double per_second(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }
double number(std::uint64_t count) { return static_cast<double>(count); }

const char* name_of(wire::Transport transport) {
  switch (transport) {
    case wire::Transport::kRc:
      return "RC";
    case wire::Transport::kUc:
      return "UC";
    case wire::Transport::kRd:
      return "RD";
    case wire::Transport::kUd:
      return "UD";
    case wire::Transport::kXrc:
      return "XRC";
    case wire::Transport::kCnp:
      return "CNP";
  }
  return "";
}

void add_rates(TrafficPoint& point, std::uint64_t packets, std::uint64_t bytes, double seconds) {
  point.counters["packets"] = number(packets);
  point.counters["packets_per_s"] = per_second(number(packets), seconds);
  point.counters["l1_gbits_per_s"] = per_second(8e-9 * number(bytes + packets * kWireOverhead), seconds);
  point.counters["l2_gbits_per_s"] = per_second(8e-9 * number(bytes + packets * kFcs), seconds);
}

TrafficPoint sent_point(const TrafficOptions& options, const StreamSpec& spec, const Sent& sent,
                        const TrafficResult& result) {
  const Stream stream = Stream::create(spec).value();
  const std::uint8_t opcode = spec.opcode.value_or(0);
  TrafficPoint point;
  point.operation = stream.operation();
  point.transport = name_of(spec.opcode ? wire::find_opcode(opcode)->transport : spec.transport);
  point.from = result.sending_name;
  point.size = spec.message;
  point.messages = sent.messages;
  point.time = Duration::from_seconds(result.send_seconds);
  point.gbits_average =
      per_second(8e-9 * number(sent.messages) * static_cast<double>(spec.message.count), result.send_seconds);
  point.messages_per_second = per_second(number(sent.messages), result.send_seconds);
  add_rates(point, sent.packets, sent.bytes, result.send_seconds);
  point.counters["qps"] = spec.qps;
  point.counters["bursts_refused_by_port"] = number(sent.refused);
  point.counters["packets_given_up_behind_schedule"] = number(sent.given_up);
  if (spec.rate.packets_per_second > 0) point.counters["packets_per_s_asked"] = spec.rate.packets_per_second;
  if (options.dcqcn) point.counters["cnps_reacted_to"] = number(sent.cnps);
  const MishapCounts& m = sent.mishaps;
  for (const auto& [name, count] :
       {std::pair("injected_drops", m.dropped), std::pair("injected_duplicates", m.duplicated),
        std::pair("injected_reorders", m.reordered), std::pair("injected_ce_marks", m.marked_ce),
        std::pair("injected_bad_icrcs", m.bad_icrc)})
    if (count > 0) point.counters[name] = number(count);
  return point;
}

// What came back. What is missing of all that was sent counts as lost, at the ends of a flow too.
TrafficPoint round_trip_point(const TrafficResult& result) {
  const Judged& j = result.judged;
  std::uint64_t sent = 0;
  for (const Sent& stream : result.sent) sent += stream.packets;
  const std::uint64_t came = j.returned - j.returned_duplicates;
  TrafficPoint point;
  point.operation = "round_trip";
  point.from = point.to = result.receiving_name;
  point.messages = j.returned;
  point.time = Duration::from_seconds(result.receive_seconds);
  point.messages_per_second = per_second(number(j.returned), result.receive_seconds);
  point.counters["packets"] = number(j.returned);
  point.counters["not_returned"] = number(sent > came ? sent - came : 0);
  point.counters["lost_within_flows"] = number(j.returned_lost);
  point.counters["duplicates"] = number(j.returned_duplicates);
  point.counters["reordered"] = number(j.returned_reordered);
  point.counters["ce_marked"] = number(j.returned_marked);
  point.counters["icrc_bad"] = number(j.icrc_bad);
  point.counters["missed_by_port"] = number(result.receiving_port.missed + result.receiving_port.no_buffer);
  if (j.round_trip.count() > 0) point.latency = j.round_trip.summary();
  return point;
}

TrafficPoint received_point(const TrafficOptions& options, const TrafficResult& result) {
  const Judged& j = result.judged;
  TrafficPoint point;
  point.operation = "received";
  point.to = result.receiving_name;
  point.messages = j.requests;
  point.time = Duration::from_seconds(result.receive_seconds);
  point.gbits_average = per_second(8e-9 * number(j.payload_bytes), result.receive_seconds);
  point.messages_per_second = per_second(number(j.requests), result.receive_seconds);
  add_rates(point, j.packets, j.bytes, result.receive_seconds);
  const std::pair<const char*, std::uint64_t> counters[] = {
      {"flows", j.flows},
      {"lost", j.lost},
      {"reordered", j.reordered},
      {"reorder_depth_max", j.depth},
      {"duplicates", j.duplicates},
      {"too_late_to_tell", j.too_late},
      {"psn_restarts", j.restarts},
      {"ce_marked", j.marked_ce},
      {"cnps_sent", j.cnps_sent},
      {"cnps_received", j.cnps},
      {"icrc_checked", j.icrc_checked},
      {"icrc_bad", j.icrc_bad},
      {"responses", j.responses},
      {"foreign_frames", j.foreign},
      {"untracked", j.untracked},
      {"stamps_of_other_clocks", j.other_clock},
      {"missed_by_port", result.receiving_port.missed + result.receiving_port.no_buffer}};
  for (const auto& [name, count] : counters) point.counters[name] = number(count);
  if (options.judging.reflect) {
    point.counters["reflected"] = number(j.reflected);
    point.counters["reflections_dropped"] = number(j.reflections_dropped);
  }
  if (j.latency.count() > 0) point.latency = j.latency.summary();
  return point;
}

}  // namespace

Measurement to_measurement(const TrafficOptions& options, const TrafficResult& result) {
  Measurement m;
  m.provenance.backend = "dpdk";
  m.provenance.options["dpdk"] = version();
  m.provenance.options["queues"] = std::to_string(options.queues);
  for (std::size_t s = 0; s < options.streams.size(); ++s)
    m.traffic.push_back(sent_point(options, options.streams[s], result.sent[s], result));
  if (options.judge) m.traffic.push_back(received_point(options, result));
  if (options.judging.round_trips) {
    m.traffic.push_back(round_trip_point(result));
    m.notes.emplace_back(
        "round trips are reported: both ways and the time within the reflector, by the sender's clock alone; half of "
        "one is no one-way latency");
  }
  if (result.judged.other_clock > 0)
    m.notes.push_back(fmt::format(
        "{} stamps are of another host's clock: one-way latency across hosts needs clocks kept together by PTP, and is "
        "not given; {}",
        result.judged.other_clock,
        options.judging.reflect ? "frames are reflected, and the sender reports round trips"
                                : "round trips need no common clock: receive --reflect here, send --round-trip there"));
  if (result.judged.reflections_dropped > 0)
    m.notes.push_back(fmt::format("{} frames were not reflected, for the port did not send so fast: lower the rate",
                                  result.judged.reflections_dropped));
  if (result.judged.too_late > 0)
    m.notes.push_back(fmt::format("{} packets came more than {} PSNs late: late or twice, that cannot be told",
                                  result.judged.too_late, PsnWindow::kSize));
  if (!result.rdma_warning.empty() && options.judge) m.notes.push_back(result.rdma_warning);
  if (result.interrupted) m.notes.emplace_back("interrupted: the result so far");
  return m;
}

}  // namespace weft::dpdk
