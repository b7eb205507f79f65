// Two hosts with their QPs connected: made from a plan over the control connection, by TCP or by rdma_cm.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "verbs/control.h"
#include "verbs/offer.h"
#include "verbs/owned.h"
#include "verbs/plan.h"
#include "verbs/port.h"
#include "verbs/queue_pair.h"

namespace weft::verbs {

// rdma_cm's part, while the QPs live. Its device contexts are librdmacm's own.
struct CmLink {
  Owned<rdma_event_channel> channel;
  Owned<rdma_cm_id> listener;
  struct DestroyQpToo {
    void operator()(rdma_cm_id* id) const noexcept;
  };
  std::vector<std::unique_ptr<rdma_cm_id, DestroyQpToo>> ids;
};

// In the order of their making, so that they go in the reverse one.
struct Connection {
  Port port;
  ibv_context* context = nullptr;  // the port's, or rdma_cm's of the same device
  Owned<ibv_comp_channel> channel;
  Owned<ibv_pd> pd;
  Owned<ibv_cq> cq;
  Owned<ibv_xrcd> xrcd;
  Owned<ibv_srq> srq;
  Memory memory;
  std::vector<QueuePair> own_qps;  // of the TCP exchange
  CmLink cm;
  std::vector<ibv_qp*> qps;          // of either
  std::vector<Owned<ibv_ah>> paths;  // UD: one a QP
  Offer mine, peer;
  std::uint32_t inline_size = 0;  // what the device gave
  std::uint32_t reads = 1;
  std::vector<std::string> notes;
};

enum class Side : std::uint8_t { kCaller, kListener };

// Receives posted on all QPs of a side that receives.
[[nodiscard]] std::uint64_t receives_in_all(const PairPlan& plan);

// Cuts the plan to what this host's port can do; cuts are notes. Errors: kInput, kEnvironment.
[[nodiscard]] Expected<void> fit_plan(PairPlan& plan, const Port& port, std::vector<std::string>& notes);

// The plan fits both ports. Errors: kEnvironment: out of QPs or memory, peer gone, path refused; kInput: MTU.
[[nodiscard]] Expected<std::unique_ptr<Connection>> connect_pair(const PairPlan& plan, Port port, Control& control,
                                                                 Side side, const MemoryKind& memory = {});

// rdma_cm: lets the peers' QPs find each other. The listener's port goes out with its offer.
[[nodiscard]] Expected<ibv_context*> cm_context(const std::string& device);
// One whose events are asked for without waiting. Errors: kEnvironment.
[[nodiscard]] Expected<Owned<rdma_event_channel>> cm_channel();
// Errors: kInput: not an address.
[[nodiscard]] Expected<sockaddr_storage> cm_address(const std::string& text, std::uint16_t port);
// Listens at a free port of the address. Errors: kInput: not an address; kEnvironment.
[[nodiscard]] Expected<Owned<rdma_cm_id>> cm_listener(rdma_event_channel* channel, const std::string& address,
                                                      rdma_port_space space, int backlog);
// Whether a call failed by the port that rdma_cm chose. It does not know those that TCP's sockets hold, which an iWARP
// device without a port mapper cannot have: another try gets another port, by chance.
[[nodiscard]] constexpr bool cm_port_was_taken(int error) { return error == EADDRINUSE || error == EADDRNOTAVAIL; }
constexpr int kCmPortTries = 32;  // chosen: with half of the ports taken, one call in 4 x 10^9 finds none
// Why an event is not the one that was waited for.
[[nodiscard]] Error cm_error(const rdma_cm_event& event);
// Waits until events may be there, for a while.
void cm_wait(const rdma_event_channel& channel);
[[nodiscard]] Expected<std::uint16_t> cm_listen(Connection& connection, const PairPlan& plan,
                                                const std::string& address);
[[nodiscard]] Expected<void> cm_connect(Connection& connection, const PairPlan& plan, ibv_qp_init_attr shape,
                                        Control& control, Side side);

}  // namespace weft::verbs
