// Ranks on hosts find each other over control connections, and become a mesh.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "verbs/collective/executor.h"
#include "verbs/collective/spec.h"
#include "verbs/control.h"
#include "verbs/pair.h"

namespace weft::verbs {

struct MeshNeighbours {
  std::vector<std::pair<std::string, std::uint16_t>> calls;  // address and port of the ranks that this one calls
  std::vector<Listener*> awaits;                             // one for each rank that calls this one
};

class JoinedMesh : public Mesh {
 public:
  // To be called once, before the first exchange; returns when all ranks are ready to receive. A mesh that fails to is
  // kept until the error is told: when it goes its peers lose their connections to it, and that is not the cause.
  // Bounded. Errors: kEnvironment: a rank that cannot be reached, RoCE here and iWARP there; kInput: nonsense from a
  // peer; kInterrupted.
  [[nodiscard]] virtual Expected<void> connect() { return {}; }
  [[nodiscard]] virtual std::span<std::byte> memory() = 0;  // that messages come from and go to
  // To be called after the last exchange: no peer loses its connection to this rank before it has ended too. Bounded.
  virtual void leave() {}
};

// An RC QP to each rank, with iWARP by rdma_cm, to be connected. Errors: kEnvironment: no device, a rank that does not
// come; kInput: nonsense from a peer.
[[nodiscard]] Expected<std::unique_ptr<JoinedMesh>> join_by_verbs(const CollectiveSpec& spec,
                                                                  const MeshNeighbours& neighbours,
                                                                  const LocalChoice& choice, std::size_t memory_bytes,
                                                                  const std::atomic<bool>& stop);
// A TCP connection to each rank: where there is no RDMA.
[[nodiscard]] Expected<std::unique_ptr<JoinedMesh>> join_by_tcp(const CollectiveSpec& spec,
                                                                const MeshNeighbours& neighbours,
                                                                std::size_t memory_bytes,
                                                                const std::atomic<bool>& stop);

// What all kinds of mesh do first: a control connection to each rank, over which `offer(rank)` and the peer's went.
// The offer for a rank that calls is asked for when the rank is known.
using PeerControls = std::map<std::uint32_t, Control>;
using PeerOffers = std::map<std::uint32_t, nlohmann::ordered_json>;
[[nodiscard]] Expected<PeerControls> meet_peers(const CollectiveSpec& spec, const MeshNeighbours& neighbours,
                                                const std::string& bind, const std::atomic<bool>& stop);
// Errors: as Control's.
[[nodiscard]] Expected<PeerOffers> trade_offers(PeerControls& controls, const PeerOffers& mine);

}  // namespace weft::verbs
