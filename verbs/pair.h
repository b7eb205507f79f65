// `weft verbs bw` and `lat`: one host calls, the other listens, and the caller gets the figures of both.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "fabric/measurement.h"
#include "verbs/control.h"
#include "verbs/memory_kind.h"
#include "verbs/plan.h"

namespace weft::verbs {

// `on_point` gets each point as it is measured.
using OnPoint = std::function<void(const TrafficPoint&, const PairPlan&)>;
using OnNote = std::function<void(const std::string&)>;

// What each host decides for itself.
struct LocalChoice {
  std::string device;  // empty: chosen
  unsigned port = 0;
  int gid_index = -1;
  std::string bind;  // local address of the control connection, may be empty
  std::uint16_t control_port = kDefaultControlPort;
  MemoryKind memory;                     // that messages come from and go to
  std::string cpus;                      // "3", "0-7,16"; empty: those next to the device
  Milliseconds limit{20000};             // of each wait for the peer
  Milliseconds patience{15000};          // without any completion
  Milliseconds listen_for{600000};       // for a caller
  bool one_caller = false;               // ends with a caller that gives up before it has said its plan
  std::function<void()> when_connected;  // the caller's traffic starts when it returns; may be empty
  // The caller's, of a run without end: each second, of what it sends; may be empty.
  std::function<void(const TrafficPoint&)> on_second;
};

struct PairResult {
  PairPlan plan;  // as both hosts took it
  std::string here, there;
  std::vector<TrafficPoint> points;
  std::vector<std::string> notes;
  std::optional<Error> error;  // what ended it early; the points are those until then
};

[[nodiscard]] PairResult call_peer(PairPlan plan, const LocalChoice& choice, const std::string& peer,
                                   const OnPoint& on_point, const std::atomic<bool>& stop);
// Serves one caller. Connections that do not speak weft's protocol are told to `on_note`, and it listens on.
[[nodiscard]] PairResult serve_peer(const LocalChoice& choice, const OnNote& on_note, const std::atomic<bool>& stop);

// The same on a listener that is there already.
[[nodiscard]] PairResult serve_peer(Listener& listener, const LocalChoice& choice, const OnNote& on_note,
                                    const std::atomic<bool>& stop);

// The figures of both sides as one point. Bandwidth counts what arrived, both ways.
struct RunOutcome;
[[nodiscard]] TrafficPoint point_of(const PairPlan& plan, std::uint64_t size, const RunOutcome& outcome);

}  // namespace weft::verbs
