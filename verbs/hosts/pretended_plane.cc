#include <algorithm>
#include <thread>

#include "verbs/hosts/data_plane.h"

namespace weft::verbs {
namespace {

using Clock = std::chrono::steady_clock;

// The caller connects for real, so that a peer that is gone is found as it would be.
class PretendedFlow final : public AwaitedFlow {
 public:
  explicit PretendedFlow(Listener listener) : listener_(std::move(listener)) {}
  [[nodiscard]] std::uint16_t port() const override { return listener_.port(); }
  [[nodiscard]] Listener& listener() override { return listener_; }
  [[nodiscard]] PairResult serve(const std::atomic<bool>& stop) override {
    PairResult result;
    auto control = listener_.accepted(Milliseconds(30000), Milliseconds(60000), &stop);
    if (!control) {
      result.error = control.error();
      return result;
    }
    result.there = control->peer_address();
    if (auto bye = control->receive(ControlKind::kBye); !bye) result.error = bye.error();
    return result;
  }

 private:
  Listener listener_;
};

class PretendedPlane final : public DataPlane {
 public:
  explicit PretendedPlane(double gbits) : gbits_(gbits) {}
  [[nodiscard]] Expected<std::unique_ptr<AwaitedFlow>> listen() override {
    auto listener = Listener::listening("", 0);
    if (!listener) return tl::unexpected(listener.error());
    return std::make_unique<PretendedFlow>(std::move(*listener));
  }
  [[nodiscard]] PairResult call(const PairPlan& plan, const std::string& peer, std::uint16_t port,
                                const std::function<void()>& gate, const OnPoint& on_point,
                                const std::atomic<bool>& stop) override {
    PairResult result;
    result.plan = plan;
    auto control = Control::connected(peer, port, "", Milliseconds(10000), &stop);
    if (!control) {
      result.error = control.error();
      return result;
    }
    gate();
    for (const std::uint64_t size : plan.sizes) {
      result.points.push_back(measure(plan, size, *control, stop, result));
      on_point(result.points.back(), plan);
      if (result.error) return result;
    }
    static_cast<void>(control->send({ControlKind::kBye, nlohmann::ordered_json::object()}));
    return result;
  }
  [[nodiscard]] Expected<std::unique_ptr<JoinedMesh>> join(const CollectiveSpec& spec, const MeshNeighbours& neighbours,
                                                           std::size_t memory_bytes,
                                                           const std::atomic<bool>& stop) override {
    return join_by_tcp(spec, neighbours, memory_bytes, stop);
  }

 private:
  TrafficPoint measure(const PairPlan& plan, std::uint64_t size, Control& control, const std::atomic<bool>& stop,
                       PairResult& result) const {
    const double rate = gbits_ * 1e9 / (8.0 * static_cast<double>(std::max<std::uint64_t>(size, 1)));  // messages/s
    const double planned = static_cast<double>(plan.iterations * plan.qps) / rate;
    const double seconds = plan.duration_ms > 0  ? static_cast<double>(plan.duration_ms) / 1e3
                           : plan.iterations > 0 ? planned
                                                 : 1e9;
    const auto begin = Clock::now();
    const auto taken = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    while (taken() < seconds && !stop && !result.error) {
      if (auto alive = control.poll(); !alive) result.error = alive.error();
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(0.01, seconds)));
    }
    const double until = std::min(seconds, taken());
    if (stop && !result.error) result.error = Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}};
    TrafficPoint point;
    point.operation = to_text(plan.op);
    point.transport = to_text(plan.transport);
    point.size = Bytes{static_cast<std::int64_t>(size)};
    point.time = Duration::from_seconds(until);
    point.messages = static_cast<std::uint64_t>(rate * until);
    point.messages_per_second = rate;
    point.gbits_average = point.gbits_peak = gbits_;
    return point;
  }

  double gbits_;
};

}  // namespace

std::unique_ptr<DataPlane> pretended_plane(double gbits) { return std::make_unique<PretendedPlane>(gbits); }

}  // namespace weft::verbs
