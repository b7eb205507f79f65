// AnalyticBackend: closed forms. Bounds, sanity and the tuner's estimate, in microseconds of CPU time.
//
// Per GPU and NIC bytes of each algorithm are those of docs/collectives.md; no link is routed, so equal paths are
// shared perfectly and only the fabric's oversubscription counts. What hashing costs needs the fluid backend.
#pragma once

#include <cstdint>
#include <string>

#include "emulator/calibration.h"
#include "emulator/cost.h"
#include "fabric/backend.h"

namespace weft {

// What the closed forms need to know of a machine and a group. Rates in payload bits/s, efficiency not yet taken off.
struct AnalyticShape {
  double ranks = 1;          // n, of one group
  double places = 1;         // p, ranks of the group in one scale-up domain
  double domains = 1;        // N = n / p
  double nics = 1;           // r, NICs that serve those p ranks
  double scale_up_rate = 0;  // one GPU, one direction
  double nic_rate = 0;       // one NIC, one direction
  double path_seconds = 0;   // the longest path: propagation and switch latency
  // Bandwidth into the fabric's upper tiers over what they carry, for ranks spread over all of it; >= 1.
  double oversubscription = 1;
  double leaving = 0;  // share of uniform traffic that has to cross the narrowest tier
};

// Shape of one group whose members are `stride` GPUs apart. REQUIRES: group_size >= 1.
[[nodiscard]] AnalyticShape analytic_shape(const Topology& topology, std::uint32_t group_size, std::uint32_t stride);

// Cost of one algorithm at `reference` bytes. Errors: kInput for an algorithm without a closed form.
[[nodiscard]] Expected<ScheduleCost> analytic_cost(const AnalyticShape& shape, CollectiveKind kind,
                                                   const std::string& algorithm, Bytes reference,
                                                   const Constants& constants, double payload_share);

class AnalyticBackend final : public Backend {
 public:
  explicit AnalyticBackend(Constants constants) : constants_(std::move(constants)) {}
  [[nodiscard]] std::string_view name() const override { return "analytic"; }
  [[nodiscard]] Expected<Measurement> run(const Topology& topology, const ScheduleFactory& schedule,
                                          const std::vector<Bytes>& sizes, const RunOptions& options) override;

 private:
  Constants constants_;
};

}  // namespace weft
