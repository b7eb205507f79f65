// Transfers that wait for nothing, each on QPs of its own that are all made before the run: so several processes number
// them alike, and each plays its own part of the fabric. What they measure together is summed afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emulator/packet/network.h"
#include "emulator/packet/partition.h"
#include "fabric/schedule.h"

namespace weft::packet {

class FlowRun final : public Listener {
 public:
  // All must outlive it. `part`: whose hosts post and listen in this process.
  FlowRun(Network& network, const Forwarding& forwarding, const Partition& partition, std::uint32_t part);
  ~FlowRun() override;
  FlowRun(const FlowRun&) = delete;
  FlowRun& operator=(const FlowRun&) = delete;

  // Posts everything now. Errors: kInput for a schedule in which one transfer waits for another, and for a pair without
  // a path. Call it once.
  [[nodiscard]] Expected<void> start(const Schedule& schedule);

  struct Flow {
    Ps received = -1, acknowledged = -1;  // -1: not, or elsewhere
  };
  [[nodiscard]] std::vector<Flow>& flows() { return flows_; }  // by QP, in the order of the schedule's edges
  [[nodiscard]] std::uint32_t failed() const { return failed_; }

  void on_received(std::uint32_t qp, std::uint32_t message) override;
  void on_acknowledged(std::uint32_t qp, std::uint32_t message) override;
  void on_failed(std::uint32_t qp) override;

 private:
  [[nodiscard]] Expected<void> add(const Connection& connection, Via via, Bytes bytes);

  Network& network_;
  const Forwarding& forwarding_;
  const Partition& partition_;
  std::uint32_t part_;
  std::vector<Flow> flows_;
  std::uint32_t failed_ = 0;
};

// The counters that do not depend on how the fabric is cut, by name.
struct NamedCounter {
  std::string_view name;
  std::uint64_t NetworkCounters::*member;
};
[[nodiscard]] std::vector<NamedCounter> counters_of_a_run();

// What a link's port counted: sums over processes but for the last, which is a maximum.
using LinkTotals = std::array<std::uint64_t, 6>;
[[nodiscard]] LinkTotals link_totals(const Port& p);

// An order-sensitive digest: two runs that agree in every value have the same.
[[nodiscard]] std::uint64_t digest_of(std::uint64_t so_far, std::uint64_t value);

}  // namespace weft::packet
