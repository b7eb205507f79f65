// Measurement: what a backend returns, predicted or measured alike. JSON by fabric/measurement_json.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fabric/units.h"

namespace weft {

// Where a result came from; enough to get the same bytes again.
struct Provenance {
  std::string backend, version, spec_name, spec_digest;  // digest: 64-bit FNV-1a of the canonical spec, hex
  std::uint64_t seed = 0;
  std::map<std::string, std::string> options;
};

// Utilisation of one tier's live links in one direction class, over the whole operation: bytes / (rate x time).
struct TierUse {
  std::string tier;  // "scale-up", "host", "leaf-spine", "spine-core" + " up"/" down"
  std::uint64_t links = 0;
  double min = 0, mean = 0, max = 0;
};

struct HotLink {
  std::string name;
  double utilisation = 0;  // share of its rate, 0..1
  double flows = 0;        // transfers that cross it in the busiest phase
};

// Shares of the ideal time that each cause costs; sums to 1 with `ideal_share`.
struct Why {
  double ideal_share = 0;  // ideal time / predicted time
  double hash_collisions = 0, oversubscription = 0, scale_up = 0, latency = 0, protocol = 0, failures = 0;
  std::string binding_tier;  // tier whose links end the longest phase
  std::string sentence;      // one line for people
};

struct PhaseTime {
  std::string name;
  std::uint64_t steps = 0;
  double seconds = 0;  // of all its steps, alone
};

struct Operation {
  Bytes size{};
  Duration time{};
  double algbw = 0, busbw = 0;      // GB/s, GB = 1e9 bytes
  std::string algorithm, protocol;  // what the tuner took for this size
  Why why;
  std::vector<PhaseTime> phases;
};

// One bottleneck of a prediction, played packet by packet. Times are from the start to the last finish of its flows,
// with `scale` of their bytes, without the latency of their paths.
struct VerifiedComponent {
  std::string link;                         // the bottleneck; the first one's name of a pool
  bool random = false;                      // drawn at random; else among the most contended
  double paths = 0;                         // that cross it in the step
  std::uint64_t flows = 0, background = 0;  // played
  double thinning = 1;                      // paths that each flow stands for
  double scale = 1;                         // share of the bytes that was played
  double full_seconds = 0;                  // fluid, in the whole step
  double fluid_seconds = 0;                 // fluid, of the carve-out alone
  double packet_seconds = 0;                // packets, of the carve-out alone; 0: did not end
  double rate_error = 0;                    // mean of |packet rate / fluid rate - 1| over the flows
  // Grown by the flows of the next contended links: 0 where there were none, or where it did not end.
  std::uint64_t grown_flows = 0, grown_background = 0;
  double grown_fluid_seconds = 0, grown_packet_seconds = 0;

  [[nodiscard]] double ratio() const { return fluid_seconds > 0 ? packet_seconds / fluid_seconds : 0; }
  [[nodiscard]] double grown_ratio() const {
    return grown_fluid_seconds > 0 ? grown_packet_seconds / grown_fluid_seconds : 0;
  }
};

// What packets say of a fluid prediction (docs/verify.md).
struct Verification {
  std::string phase;             // the one that it was done on
  std::uint64_t step = 0;        // of that phase
  Bytes size{};                  // the largest
  std::uint32_t asked = 0;       // components of either kind
  std::uint64_t unfinished = 0;  // that an interruption left out
  std::vector<VerifiedComponent> components;
  double step_seconds = 0;     // fluid data time of the step, without software
  double longest_seconds = 0;  // of a bottleneck's drain
  // Bottlenecks of the step that were not played, by how long they need: place i of n counts those from i / n to
  // (i + 1) / n of the longest.
  std::vector<std::uint64_t> unplayed;
  double low_ratio = 0, high_ratio = 0;  // packet time / fluid time, of the data time of phases that use the network
  Duration low{}, high{};                // interval on the time of the largest size; 0: no component ended
  std::vector<std::string> notes;
};

// Of one kind of message; fabric/histogram.h makes it.
struct LatencySummary {
  std::uint64_t samples = 0;
  Duration min{}, max{}, mean{}, standard_deviation{};
  Duration p50{}, p90{}, p99{}, p999{}, p9999{};
};

// What one stream, QP group or pair of hosts delivered at one message size: measured by verbs or dpdk.
struct TrafficPoint {
  std::string operation;  // "write", "send", "atomic_cas"
  std::string transport;  // "RC", "UC", "UD", "XRC"
  std::string from, to;   // hosts, devices or streams; empty where there is one
  Bytes size{};           // of a message
  std::uint64_t messages = 0;
  Duration time{};
  double gbits_average = 0, gbits_peak = 0;  // payload, Gb/s = 1e9 bits/s; peak of an interval, 0: not taken
  double messages_per_second = 0;
  std::optional<LatencySummary> latency;
  std::map<std::string, double> counters;  // unit in the name: "lost", "ce_marked", "out_of_sequence"
  std::vector<std::string> failures;       // thresholds that it missed, a sentence each
};

struct Measurement {
  Provenance provenance;
  std::string collective, algorithm;
  std::uint32_t ranks = 0, group_size = 0;
  std::vector<Operation> operations;  // one a size
  // Of the largest size.
  std::vector<TierUse> tiers;
  std::vector<HotLink> hot_links;
  double max_mean_ratio = 0;               // MMR: flows on the fullest link / mean over links in use, worst tier
  double jain_index = 0;                   // of the flows' rates
  std::map<std::string, double> counters;  // named, unit in the name: "flows", "solves", "queue_max_bytes"
  std::vector<std::string> notes;          // approximations made and their bound
  std::optional<Verification> verification;
  std::vector<TrafficPoint> traffic;  // point to point; empty for a collective
};

}  // namespace weft
