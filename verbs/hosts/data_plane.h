// What an agent runs its flows on: verbs, or a pretence for trying plans and hosts without RDMA.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "verbs/collective/join.h"
#include "verbs/pair.h"

namespace weft::verbs {

// A flow that will come to this host.
class AwaitedFlow {
 public:
  virtual ~AwaitedFlow() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  [[nodiscard]] virtual Listener& listener() = 0;
  // Until the caller is done. Ends within bounded time, at once after a stop.
  [[nodiscard]] virtual PairResult serve(const std::atomic<bool>& stop) = 0;
};

class DataPlane {
 public:
  virtual ~DataPlane() = default;
  [[nodiscard]] virtual Expected<std::unique_ptr<AwaitedFlow>> listen() = 0;
  // `gate` returns when traffic is to start; it is called once, when the flow is connected.
  [[nodiscard]] virtual PairResult call(const PairPlan& plan, const std::string& peer, std::uint16_t port,
                                        const std::function<void()>& gate, const OnPoint& on_point,
                                        const std::atomic<bool>& stop) = 0;
  // A mesh of all ranks of a collective, to be connected.
  [[nodiscard]] virtual Expected<std::unique_ptr<JoinedMesh>> join(const CollectiveSpec& spec,
                                                                   const MeshNeighbours& neighbours,
                                                                   std::size_t memory_bytes,
                                                                   const std::atomic<bool>& stop) = 0;
};

[[nodiscard]] std::unique_ptr<DataPlane> verbs_plane(LocalChoice choice);
// Every flow has this rate, and lasts as long as its plan says; its messages are counted, not sent. Collectives do run,
// over TCP.
[[nodiscard]] std::unique_ptr<DataPlane> pretended_plane(double gbits);

}  // namespace weft::verbs
