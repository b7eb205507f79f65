#include "verbs/pair.h"

#include <fmt/format.h>

#include <algorithm>

#include "fabric/json_member.h"
#include "verbs/counters.h"
#include "verbs/devices.h"
#include "verbs/ethtool.h"
#include "verbs/placement.h"
#include "verbs/receiver.h"
#include "verbs/watch.h"

namespace weft::verbs {
namespace {

PortRequest request_of(const LocalChoice& choice, const Control& control) {
  return {choice.device, choice.port, choice.gid_index, control.local_address()};
}

void add(std::vector<std::string>& notes, const std::vector<std::string>& more) {
  for (const std::string& note : more)
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

// One run at one size, with the device's counters and its module's light around it.
RunOutcome run_once(Session& session, Receiver& receiver, const RunSpec& spec, Side side) {
  const Port& port = session.connection.port;
  const std::string netdev = netdev_of(port.device, port.number);
  Ethtool ethtool;
  const auto read = [&] {
    Counters all = read_counters(port.device, port.number);
    all.merge(read_ethernet_counters(netdev));
    for (const auto& [name, value] : ethtool.counters(netdev)) all["eth_" + name] = value;
    return all;
  };
  std::map<std::string, double> optics = gauges(ethtool.optics(netdev), "before");
  const Counters before = read();
  RunOutcome outcome =
      session.plan.latency ? run_latency(session, receiver, spec, side) : run_bandwidth(session, receiver, spec);
  outcome.mine.counters = growth(before, read());
  if (!optics.empty()) optics.merge(gauges(ethtool.optics(netdev), "after"));
  outcome.mine.optics = std::move(optics);
  return outcome;
}

RunSpec spec_of(const PairPlan& plan, std::uint64_t size, std::uint64_t iterations, std::uint64_t duration_ms,
                Side side) {
  RunSpec spec{size, iterations, duration_ms};
  spec.sends = side == Side::kCaller || plan.bidirectional;
  spec.receives = side == Side::kListener || plan.bidirectional;
  return spec;
}

Expected<RunSpec> announced_spec(const PairPlan& plan, const nlohmann::ordered_json& body) {
  using measurement_json::member;
  try {
    const auto size = member<std::uint64_t>(body, "size");
    if (std::find(plan.sizes.begin(), plan.sizes.end(), size) == plan.sizes.end())
      return input_error("the peer starts a size that is not in the plan", fmt::format("{} B", size));
    return spec_of(plan, size, member<std::uint64_t>(body, "iterations"), member<std::uint64_t>(body, "duration_ms"),
                   Side::kListener);
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("the peer's start does not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("the peer's start does not fit", error.what());
  }
}

// The caller's half of one run: announced, and begun when the listener is ready.
RunOutcome run_announced(Session& session, Receiver& receiver, const RunSpec& spec) {
  receiver.start(spec.size);
  RunOutcome outcome;
  auto sent = session.control.send(
      {ControlKind::kStart, {{"size", spec.size}, {"iterations", spec.iterations}, {"duration_ms", spec.duration_ms}}});
  if (!sent) outcome.error = sent.error();
  if (outcome.error) return outcome;
  if (auto ready = session.control.receive(ControlKind::kStart); !ready) {
    outcome.error = ready.error();
    return outcome;
  }
  return run_once(session, receiver, spec, Side::kCaller);
}

Expected<void> agree_as_caller(PairPlan& plan, Control& control, PairResult& result) {
  if (auto sent = control.send({ControlKind::kPlan, to_json(plan)}); !sent) return sent;
  const auto answer = control.receive(ControlKind::kPlan);
  if (!answer) return tl::unexpected(answer.error());
  try {
    auto fitted = plan_from_json(answer->at("plan"));
    if (!fitted) return tl::unexpected(fitted.error());
    plan = *fitted;
    for (const auto& note : answer->at("notes")) add(result.notes, {"there: " + note.get<std::string>()});
    result.there = answer->at("device").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    return input_error("the peer's answer to the plan is not one", error.what());
  }
  return {};
}

void measure_all(Session& session, PairResult& result, const OnPoint& on_point) {
  Receiver receiver(session.connection, session.plan);
  const PairPlan& plan = session.plan;
  if (auto posted = receiver.post_all(); !posted) result.error = posted.error();
  for (const std::uint64_t size : plan.sizes) {
    if (result.error) return refuse(session.control, *result.error);
    if (plan.warm_up > 0) {
      const RunOutcome warm = run_announced(session, receiver, spec_of(plan, size, plan.warm_up, 0, Side::kCaller));
      result.error = warm.error;
      if (result.error) return refuse(session.control, *result.error);
    }
    const RunOutcome outcome =
        run_announced(session, receiver, spec_of(plan, size, plan.iterations, plan.duration_ms, Side::kCaller));
    result.error = outcome.error;
    if (outcome.mine.sent > 0 || outcome.peer.sent > 0) {
      result.points.push_back(point_of(plan, size, outcome));
      result.points.back().from = result.here;
      result.points.back().to = result.there;
      on_point(result.points.back(), plan);
    }
    if (outcome.interrupted && !result.error)
      result.error = Error{ErrorCode::kInterrupted, "interrupted: what was measured is above", {}, {}, {}};
    if (result.error && result.error->code != ErrorCode::kInterrupted) return refuse(session.control, *result.error);
    if (result.error) break;
  }
  static_cast<void>(session.control.send({ControlKind::kBye, nlohmann::ordered_json::object()}));
}

Expected<void> call(PairPlan plan, const LocalChoice& choice, const std::string& peer, const OnPoint& on_point,
                    const std::atomic<bool>& stop, PairResult& result) {
  auto control = Control::connected(peer, choice.control_port, choice.bind, choice.limit, &stop);
  if (!control) return tl::unexpected(control.error());
  const auto failed = [&](const Error& error) {
    refuse(*control, error);
    return tl::unexpected(error);
  };
  auto port = open_port(request_of(choice, *control));
  if (!port) return failed(port.error());
  add(result.notes, port->notes);
  if (auto fits = fit_plan(plan, *port, result.notes); !fits) return failed(fits.error());
  if (auto agreed = agree_as_caller(plan, *control, result); !agreed) return agreed;
  result.plan = plan;
  result.here = port->device;
  if (auto placed = place(choice.cpus, port->device, result.notes); !placed) return failed(placed.error());
  auto connection = connect_pair(plan, std::move(*port), *control, Side::kCaller, choice.memory);
  if (!connection) return failed(connection.error());
  add(result.notes, (*connection)->notes);
  Session session{**connection, plan, *control, stop};
  session.patience = choice.patience;
  session.on_second = choice.on_second;
  if (choice.when_connected) choice.when_connected();
  measure_all(session, result, on_point);
  return {};
}

// Runs what the caller announces until it says goodbye.
Expected<void> follow(Session& session, const OnNote& on_note) {
  Receiver receiver(session.connection, session.plan);
  if (auto posted = receiver.post_all(); !posted) return posted;
  while (true) {
    const auto message = session.control.receive_any();
    if (!message) return tl::unexpected(message.error());
    if (message->kind == ControlKind::kBye) return {};
    if (message->kind != ControlKind::kStart) return input_error("the peer sent a message that was not its turn");
    const auto spec = announced_spec(session.plan, message->body);
    if (!spec) return tl::unexpected(spec.error());
    receiver.start(spec->size);
    if (auto sent = session.control.send({ControlKind::kStart, nlohmann::ordered_json::object()}); !sent) return sent;
    const RunOutcome outcome = run_once(session, receiver, *spec, Side::kListener);
    if (outcome.error) return tl::unexpected(*outcome.error);
    if (outcome.interrupted) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    on_note(fmt::format("{} B: {} messages came from the caller, {} went to it", spec->size, outcome.peer.sent,
                        outcome.mine.sent));
  }
}

Expected<void> serve(const nlohmann::ordered_json& asked, Control& control, const LocalChoice& choice,
                     const OnNote& on_note, const std::atomic<bool>& stop, PairResult& result) {
  auto plan = plan_from_json(asked);
  if (!plan) return tl::unexpected(plan.error());
  auto port = open_port(request_of(choice, control));
  if (!port) return tl::unexpected(port.error());
  std::vector<std::string> notes = port->notes;
  if (auto fits = fit_plan(*plan, *port, notes); !fits) return fits;
  if (auto placed = place(choice.cpus, port->device, notes); !placed) return placed;
  add(result.notes, notes);
  result.plan = *plan;
  result.here = port->device;
  auto sent =
      control.send({ControlKind::kPlan, {{"plan", to_json(*plan)}, {"notes", notes}, {"device", port->device}}});
  if (!sent) return sent;
  auto connection = connect_pair(*plan, std::move(*port), control, Side::kListener, choice.memory);
  if (!connection) return tl::unexpected(connection.error());
  Session session{**connection, *plan, control, stop};
  session.patience = choice.patience;
  return follow(session, on_note);
}

}  // namespace

PairResult call_peer(PairPlan plan, const LocalChoice& choice, const std::string& peer, const OnPoint& on_point,
                     const std::atomic<bool>& stop) {
  PairResult result;
  result.plan = plan;
  if (auto there = require_devices(); !there)
    result.error = there.error();
  else if (auto done = call(std::move(plan), choice, peer, on_point, stop, result); !done)
    result.error = done.error();
  return result;
}

PairResult serve_peer(const LocalChoice& choice, const OnNote& on_note, const std::atomic<bool>& stop) {
  PairResult result;
  if (auto there = require_devices(); !there) {
    result.error = there.error();
    return result;
  }
  auto listener = Listener::listening(choice.bind, choice.control_port);
  if (!listener) {
    result.error = listener.error();
    return result;
  }
  on_note(fmt::format("listening on port {}", choice.control_port));
  return serve_peer(*listener, choice, on_note, stop);
}

PairResult serve_peer(Listener& listener, const LocalChoice& choice, const OnNote& on_note,
                      const std::atomic<bool>& stop) {
  PairResult result;
  const auto deadline = std::chrono::steady_clock::now() + choice.listen_for;
  while (true) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    auto control = listener.accepted(std::max(left, Milliseconds(0)), choice.limit, &stop);
    if (!control) {
      result.error = control.error();
      return result;
    }
    const std::string caller = control->peer_address();
    const auto asked = control->receive(ControlKind::kPlan);
    if (!asked) {
      if (choice.one_caller && control->was_refused()) {
        result.error = asked.error();
        return result;
      }
      refuse(*control, asked.error());
      on_note(fmt::format("refused {}: {}", caller, asked.error().text()));
      continue;
    }
    result.there = caller;
    if (auto done = serve(*asked, *control, choice, on_note, stop, result); !done) {
      refuse(*control, done.error());
      result.error = done.error();
    }
    return result;
  }
}

TrafficPoint point_of(const PairPlan& plan, std::uint64_t size, const RunOutcome& outcome) {
  TrafficPoint point;
  point.operation = to_text(plan.op);
  point.transport = to_text(plan.transport);
  point.size = Bytes{static_cast<std::int64_t>(size)};
  double there = 0, back = 0;
  for (const auto& [sender, receiver, rate] :
       {std::tuple(&outcome.mine, &outcome.peer, &there), std::tuple(&outcome.peer, &outcome.mine, &back)}) {
    if (sender->sent == 0 || (plan.latency && sender == &outcome.peer)) continue;
    const auto arrived =
        static_cast<double>(sender->sent - (plan.latency ? 0 : std::min(receiver->lost, sender->sent)));
    const double nanoseconds = std::max(1.0, static_cast<double>(sender->nanoseconds));
    *rate = arrived * static_cast<double>(size) * 8 / nanoseconds;
    point.messages += sender->sent;
    point.messages_per_second += arrived * 1e9 / nanoseconds;
    point.gbits_peak += sender->peak_gbits;
    point.time.picoseconds = std::max(point.time.picoseconds, static_cast<std::int64_t>(nanoseconds * 1000));
  }
  point.gbits_average = there + back;
  point.gbits_peak = std::max(point.gbits_peak, point.gbits_average);
  if (outcome.latency.samples > 0) point.latency = outcome.latency;
  point.counters["lost"] = static_cast<double>(outcome.mine.lost + outcome.peer.lost);
  if (plan.bidirectional) {
    point.counters["gbits_per_s_there"] = there;
    point.counters["gbits_per_s_back"] = back;
  }
  if (plan.verify) {
    point.counters["corrupt"] = static_cast<double>(outcome.mine.corrupt + outcome.peer.corrupt);
    point.counters["checked"] = static_cast<double>(outcome.mine.checked + outcome.peer.checked);
    if (!is_reliable(plan.transport) && !plan.latency)
      point.counters["reordered"] = static_cast<double>(outcome.mine.reordered + outcome.peer.reordered);
    if (point.counters["corrupt"] > 0) point.failures.push_back("messages arrived with wrong bytes");
  }
  for (const auto& [name, value] : outcome.mine.counters) point.counters["here_" + name] = static_cast<double>(value);
  for (const auto& [name, value] : outcome.peer.counters) point.counters["there_" + name] = static_cast<double>(value);
  for (const auto& [name, value] : outcome.mine.optics) point.counters["here_" + name] = value;
  for (const auto& [name, value] : outcome.peer.optics) point.counters["there_" + name] = value;
  return point;
}

}  // namespace weft::verbs
