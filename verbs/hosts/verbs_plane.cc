#include <utility>

#include "verbs/hosts/data_plane.h"

namespace weft::verbs {
namespace {

class VerbsFlow final : public AwaitedFlow {
 public:
  VerbsFlow(Listener listener, LocalChoice choice) : listener_(std::move(listener)), choice_(std::move(choice)) {}
  [[nodiscard]] std::uint16_t port() const override { return listener_.port(); }
  [[nodiscard]] Listener& listener() override { return listener_; }
  [[nodiscard]] PairResult serve(const std::atomic<bool>& stop) override {
    return serve_peer(
        listener_, choice_, [](const std::string&) {}, stop);
  }

 private:
  Listener listener_;
  LocalChoice choice_;
};

class VerbsPlane final : public DataPlane {
 public:
  explicit VerbsPlane(LocalChoice choice) : choice_(std::move(choice)) {}
  [[nodiscard]] Expected<std::unique_ptr<AwaitedFlow>> listen() override {
    auto listener = Listener::listening(choice_.bind, 0);
    if (!listener) return tl::unexpected(listener.error());
    return std::make_unique<VerbsFlow>(std::move(*listener), choice_);
  }
  [[nodiscard]] PairResult call(const PairPlan& plan, const std::string& peer, std::uint16_t port,
                                const std::function<void()>& gate, const OnPoint& on_point,
                                const std::atomic<bool>& stop) override {
    LocalChoice choice = choice_;
    choice.control_port = port;
    choice.when_connected = gate;
    return call_peer(plan, choice, peer, on_point, stop);
  }
  [[nodiscard]] Expected<std::unique_ptr<JoinedMesh>> join(const CollectiveSpec& spec, const MeshNeighbours& neighbours,
                                                           std::size_t memory_bytes,
                                                           const std::atomic<bool>& stop) override {
    return join_by_verbs(spec, neighbours, choice_, memory_bytes, stop);
  }

 private:
  LocalChoice choice_;
};

}  // namespace

std::unique_ptr<DataPlane> verbs_plane(LocalChoice choice) {
  choice.listen_for = Milliseconds(30000);  // callers come at once or not at all
  choice.one_caller = true;
  return std::make_unique<VerbsPlane>(std::move(choice));
}

}  // namespace weft::verbs
