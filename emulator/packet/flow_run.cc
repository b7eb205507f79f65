#include "emulator/packet/flow_run.h"

#include <fmt/format.h>

#include <optional>

#include "emulator/packet/slices.h"
#include "topologies/hash.h"

namespace weft::packet {

FlowRun::FlowRun(Network& network, const Forwarding& forwarding, const Partition& partition, std::uint32_t part)
    : network_(network), forwarding_(forwarding), partition_(partition), part_(part) {
  network_.add_listener(this);
}

FlowRun::~FlowRun() { network_.remove_listener(this); }

Expected<void> FlowRun::start(const Schedule& schedule) {
  const Phase* phase = nullptr;
  for (const Phase& p : schedule.phases) {
    if (p.edge_count == 0 || p.repeat == 0) continue;
    const bool waits = phase != nullptr || p.repeat > 1 || p.depth > 0 || p.varying;
    if (waits || p.via == Via::kScaleUpReduce || p.via == Via::kScaleUpMulticast)
      return input_error(
          "a schedule in which transfers wait for one another", schedule.algorithm,
          "several processes run what goes all at once: permutation, shift, incast, bisection, sendrecv, "
          "and all_to_all by --algorithm all_at_once");
    phase = &p;
  }
  if (phase == nullptr) return {};
  std::optional<Error> error;
  const auto gpu = [&](Rank rank) { return schedule.gpu_of ? schedule.gpu_of(rank) : GpuId{rank.value}; };
  phase->edges(0, phase->edge_count, [&](const Edge& edge) {
    if (error) return;
    const Connection connection{gpu(edge.source), gpu(edge.destination), edge.channel};
    if (auto added = add(connection, phase->via, edge.bytes); !added) error = added.error();
  });
  if (error) return tl::unexpected(*error);
  return {};
}

// Every process makes every QP, so that they have the same numbers everywhere.
Expected<void> FlowRun::add(const Connection& connection, Via via, Bytes bytes) {
  const auto size = static_cast<std::uint64_t>(bytes.count);
  const auto qps = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(forwarding_.qps(connection, via), std::max<std::uint64_t>(1, size)));
  const Topology& topology = network_.topology();
  const bool sends = partition_.part_of(topology.host_of(connection.source)) == part_;
  const bool receives = partition_.part_of(topology.host_of(connection.destination)) == part_;
  for (std::uint32_t i = 0; i < qps; ++i) {
    const auto endpoints = forwarding_.endpoints(connection, via, i);
    if (!endpoints || endpoints->proxy)
      return input_error(endpoints ? "a transfer by proxy (PXN), of two QPs one after the other" : "no path",
                         fmt::format("{} to {}", topology.name({NodeKind::kGpu, connection.source.value}),
                                     topology.name({NodeKind::kGpu, connection.destination.value})),
                         "several processes run direct transfers: --algorithm all_at_once, and rails that join");
    QpRequest request;
    request.endpoints = *endpoints;
    request.from = connection.source;
    request.to = connection.destination;
    request.tag = static_cast<std::uint32_t>(flows_.size());
    if (endpoints->scale_up_only) request.leg = QpRequest::Leg::kScaleUp;
    const auto qp = network_.create_qp(request);
    if (!qp) return tl::unexpected(qp.error());
    flows_.emplace_back();
    const Bytes share{static_cast<std::int64_t>(share_of_qp(size, qps, i))};
    if (sends)
      network_.post(*qp, share);
    else if (receives)
      network_.announce(*qp, share);
  }
  return {};
}

void FlowRun::on_received(std::uint32_t qp, std::uint32_t /*message*/) {
  flows_[network_.qp(qp).tag].received = network_.now();
}
void FlowRun::on_acknowledged(std::uint32_t qp, std::uint32_t /*message*/) {
  flows_[network_.qp(qp).tag].acknowledged = network_.now();
}
void FlowRun::on_failed(std::uint32_t /*qp*/) { ++failed_; }

// All but `events`: a cut port has some that others have not.
std::vector<NamedCounter> counters_of_a_run() {
  using C = NetworkCounters;
  return {{"data frames", &C::data_frames},
          {"data hops", &C::data_hops},
          {"delivered packets", &C::delivered_packets},
          {"delivered bytes", &C::delivered_bytes},
          {"ACKs", &C::acks},
          {"NAKs", &C::naks},
          {"RNR NAKs", &C::rnr_naks},
          {"CNPs", &C::cnps},
          {"marks", &C::marks},
          {"drops", &C::drops},
          {"corrupted", &C::corrupted},
          {"lost on dead links", &C::lost_on_dead_links},
          {"trims", &C::trims},
          {"retransmissions", &C::retransmissions},
          {"timeouts", &C::timeouts},
          {"failed QPs", &C::failed_qps},
          {"pauses", &C::pauses},
          {"resumes", &C::resumes},
          {"flowlets", &C::flowlets}};
}

LinkTotals link_totals(const Port& p) { return {p.tx_bytes, p.tx_frames, p.marks, p.drops, p.pauses, p.queue_peak}; }

std::uint64_t digest_of(std::uint64_t so_far, std::uint64_t value) { return mix64(so_far + kGolden * value + kGolden); }

}  // namespace weft::packet
