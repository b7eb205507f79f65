// What the two halves of a run share: one message size over connected QPs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "fabric/histogram.h"
#include "verbs/connection.h"
#include "verbs/ticks.h"

namespace weft::verbs {

// What a run lives in.
struct Session {
  Connection& connection;
  const PairPlan& plan;
  Control& control;
  const std::atomic<bool>& stop;
  TickRate clock{};
  Milliseconds patience{15000};  // without any completion: then the peer is given up
  // Of a run without end: each second, of what this side sends; may be empty.
  std::function<void(const TrafficPoint&)> on_second{};
};

struct RunSpec {
  std::uint64_t size = 0;  // B
  std::uint64_t iterations = 0, duration_ms = 0;
  bool sends = true;      // this side; reads and atomics count as sends
  bool receives = false;  // this side gets the peer's messages
};

// What one side saw; goes to the other at the end.
struct SideReport {
  std::uint64_t sent = 0;         // completed
  std::uint64_t received = 0;     // by send or write_imm
  std::uint64_t lost = 0;         // of the peer's
  std::uint64_t corrupt = 0;      // messages with a wrong byte
  std::uint64_t reordered = 0;    // of those checked: came after later ones, or after they were given up as lost
  std::uint64_t checked = 0;      // messages, every byte
  std::uint64_t nanoseconds = 0;  // from the first post to the last completion, without pauses for checks
  double peak_gbits = 0;          // of the best 10 ms and four full queues; 0: too short
  std::map<std::string, std::uint64_t> counters;  // of the device, by how much they grew
  std::map<std::string, double> optics;           // before and after; empty where they cannot be read
};
[[nodiscard]] nlohmann::ordered_json to_json(const SideReport& report);
[[nodiscard]] Expected<SideReport> side_report_from_json(const nlohmann::ordered_json& json);

struct RunOutcome {
  SideReport mine, peer;
  LatencySummary latency{};  // bandwidth: from post to completion
  bool interrupted = false;
  std::optional<Error> error;  // what ended it early; the figures are those until then
};

// Waits for a completion without polling.
class Sleeper {
 public:
  // `control`: that may wake it too; -1: none.
  Sleeper(ibv_cq* cq, ibv_comp_channel* channel, int control) : cq_(cq), channel_(channel), control_(control) {}
  explicit Sleeper(const Session& session)
      : Sleeper(session.connection.cq.get(), session.connection.channel.get(), session.control.descriptor()) {}
  // After a poll that found nothing: first asks for an event, so that the next poll sees what came before; then sleeps
  // until it comes, `control` has something, or 5 ms have passed. Errors: kEnvironment.
  [[nodiscard]] Expected<void> nap();

 private:
  ibv_cq* cq_;
  ibv_comp_channel* channel_;
  int control_;
  bool armed_ = false;
};

// A completion that failed, with its likely causes.
[[nodiscard]] Error completion_error(const ibv_wc& completion, const Connection& connection);

// Messages posted and completed as fast as they go, both ways where both sides send.
[[nodiscard]] RunOutcome run_bandwidth(Session& session, class Receiver& receiver, const RunSpec& spec);
// One message at a time: ping-pong, or post to completion for what fetches.
[[nodiscard]] RunOutcome run_latency(Session& session, class Receiver& receiver, const RunSpec& spec, Side side);

constexpr std::uint64_t kReceiveBit = std::uint64_t{1} << 63U;  // in wr_id

}  // namespace weft::verbs
