// Connecting by rdma_cm: the only way for iWARP, and the one that routers and IPv6 know.
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "verbs/connection.h"

namespace weft::verbs {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kResolveMilliseconds = 3000;
constexpr std::chrono::seconds kReasonWithin{1};  // chosen: a peer gives up, and says so, in milliseconds

struct Acknowledge {
  void operator()(rdma_cm_event* event) const noexcept { rdma_ack_cm_event(event); }
};
using Event = std::unique_ptr<rdma_cm_event, Acknowledge>;

// A connection that goes is the consequence; the peer's own reason comes by the control connection, a little later.
Error reason_of_peer(Control& control, Error error) {
  const auto deadline = Clock::now() + kReasonWithin;
  while (Clock::now() < deadline) {
    auto heard = control.poll();
    if (!heard) return control.was_refused() ? std::move(heard.error()) : error;
    if (!*heard) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return error;
}

Expected<Event> next_event(Connection& c, const char* awaited, Control& control) {
  const auto deadline = Clock::now() + control.limit();
  rdma_cm_event* event = nullptr;
  while (rdma_get_cm_event(c.cm.channel.get(), &event) != 0) {
    if (errno != EAGAIN && errno != EINTR) return refused("rdma_cm failed", c.port.device, errno);
    if (Clock::now() > deadline)
      return environment_error("rdma_cm gave no answer in time", awaited,
                               "check that the peer's address belongs to its RDMA device");
    cm_wait(*c.cm.channel);
  }
  return Event(event);
}

// The next event, which must be `wanted`.
Expected<Event> wait_event(Connection& c, rdma_cm_event_type wanted, Control& control) {
  auto got = next_event(c, rdma_event_str(wanted), control);
  if (!got || (*got)->event == wanted) return got;
  return tl::unexpected(reason_of_peer(control, cm_error(**got)));
}

Expected<void> make_channel(Connection& c) {
  auto made = cm_channel();
  if (!made) return tl::unexpected(made.error());
  c.cm.channel = std::move(*made);
  return {};
}

rdma_port_space space_of(const PairPlan& plan) { return plan.transport == Transport::kUd ? RDMA_PS_UDP : RDMA_PS_TCP; }

rdma_conn_param parameters(const Connection& c) {
  rdma_conn_param p{};
  p.responder_resources = p.initiator_depth = static_cast<std::uint8_t>(std::min(c.reads, 255U));
  p.retry_count = 7;
  p.rnr_retry_count = 7;
  return p;
}

Expected<void> make_qp(Connection& c, rdma_cm_id* id, ibv_qp_init_attr shape) {
  if (rdma_create_qp(id, c.pd.get(), &shape) != 0)
    return refused(fmt::format("cannot create a QP ({} are made)", c.qps.size()), c.port.device, errno);
  c.qps.push_back(id->qp);
  return {};
}

// 0, or why the port that rdma_cm chose cannot be had.
Expected<int> call(Connection& c, const PairPlan& plan, const ibv_qp_init_attr& shape, Control& control) {
  auto from = cm_address(control.local_address(), 0);
  auto to = cm_address(control.peer_address(), c.peer.cm_port);
  if (!from) return tl::unexpected(from.error());
  if (!to) return tl::unexpected(to.error());
  rdma_cm_id* made = nullptr;
  if (rdma_create_id(c.cm.channel.get(), &made, nullptr, space_of(plan)) != 0)
    return refused("cannot make an rdma_cm id", c.port.device, errno);
  c.cm.ids.emplace_back(made);
  auto tos = static_cast<std::uint8_t>(plan.traffic_class);
  if (tos != 0) rdma_set_option(made, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, sizeof tos);
  if (rdma_resolve_addr(made, reinterpret_cast<sockaddr*>(&*from), reinterpret_cast<sockaddr*>(&*to),
                        kResolveMilliseconds) != 0)
    return refused("rdma_cm cannot resolve the peer", control.peer_address(), errno);
  if (auto event = wait_event(c, RDMA_CM_EVENT_ADDR_RESOLVED, control); !event) return tl::unexpected(event.error());
  if (made->verbs != c.context)
    return input_error("the route to the peer leaves by another device",
                       made->verbs != nullptr ? ibv_get_device_name(made->verbs->device) : "none",
                       "choose it by --device, or this device's address by --bind");
  if (rdma_resolve_route(made, kResolveMilliseconds) != 0)
    return refused("rdma_cm cannot resolve the route", control.peer_address(), errno);
  if (auto event = wait_event(c, RDMA_CM_EVENT_ROUTE_RESOLVED, control); !event) return tl::unexpected(event.error());
  if (auto done = make_qp(c, made, shape); !done) return tl::unexpected(done.error());
  rdma_conn_param p = parameters(c);
  if (rdma_connect(made, &p) != 0) {
    const int why = errno;
    if (!cm_port_was_taken(why)) return refused("rdma_cm cannot connect", control.peer_address(), why);
    c.qps.pop_back();
    c.cm.ids.pop_back();
    return why;
  }
  if (auto event = wait_event(c, RDMA_CM_EVENT_ESTABLISHED, control); !event) return tl::unexpected(event.error());
  return 0;
}

Expected<void> call_from_a_free_port(Connection& c, const PairPlan& plan, const ibv_qp_init_attr& shape,
                                     Control& control) {
  int why = 0;
  for (int tries = 0; tries < kCmPortTries; ++tries) {
    const auto called = call(c, plan, shape, control);
    if (!called) return tl::unexpected(called.error());
    if (*called == 0) return {};
    why = *called;
  }
  return refused("rdma_cm cannot connect", control.peer_address(), why);
}

Expected<void> accept(Connection& c, const PairPlan& plan, const ibv_qp_init_attr& shape, rdma_cm_id* id) {
  if (id->verbs != c.context)
    return input_error("the peer came in by another device", ibv_get_device_name(id->verbs->device),
                       "choose it by --device on this host");
  if (auto done = make_qp(c, id, shape); !done) return done;
  rdma_conn_param p = parameters(c);
  if (plan.transport == Transport::kUd) p.qp_num = id->qp->qp_num;
  if (rdma_accept(id, &p) != 0) return refused("rdma_cm cannot accept the peer", c.port.device, errno);
  return {};
}

// The caller may know of a connection before this side does, and asks for the next one meanwhile.
Expected<void> answer_all(Connection& c, const PairPlan& plan, const ibv_qp_init_attr& shape, Control& control) {
  // Of UD no event says that it is established.
  std::uint32_t asked = 0, established = plan.transport == Transport::kUd ? plan.qps : 0;
  while (asked < plan.qps || established < plan.qps) {
    auto event = next_event(c, rdma_event_str(RDMA_CM_EVENT_CONNECT_REQUEST), control);
    if (!event) return tl::unexpected(event.error());
    if ((*event)->event == RDMA_CM_EVENT_CONNECT_REQUEST && asked < plan.qps) {
      rdma_cm_id* const id = (*event)->id;
      c.cm.ids.emplace_back(id);
      event->reset();
      ++asked;
      if (auto done = accept(c, plan, shape, id); !done) return done;
    } else if ((*event)->event == RDMA_CM_EVENT_ESTABLISHED) {
      ++established;
    } else {
      return tl::unexpected(reason_of_peer(control, cm_error(**event)));
    }
  }
  return {};
}

}  // namespace

void CmLink::DestroyQpToo::operator()(rdma_cm_id* id) const noexcept {
  if (id->qp != nullptr) rdma_destroy_qp(id);
  GiveBack()(id);
}

Error cm_error(const rdma_cm_event& event) {
  return environment_error(fmt::format("rdma_cm could not connect: {}", rdma_event_str(event.event)),
                           event.status < 0 ? std::strerror(-event.status) : fmt::format("status {}", event.status),
                           "check routes, firewalls and that both addresses belong to RDMA devices")
      .value();
}

void cm_wait(const rdma_event_channel& channel) {
  pollfd ready{channel.fd, POLLIN, 0};
  ::poll(&ready, 1, 50);
}

Expected<Owned<rdma_event_channel>> cm_channel() {
  Owned<rdma_event_channel> channel(rdma_create_event_channel());
  if (channel == nullptr) return refused("cannot reach rdma_cm", "/dev/infiniband/rdma_cm", errno);
  fcntl(channel->fd, F_SETFL, fcntl(channel->fd, F_GETFL) | O_NONBLOCK);
  return channel;
}

Expected<sockaddr_storage> cm_address(const std::string& text, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &found); failed != 0)
    return input_error(fmt::format("not an address for rdma_cm: {}", gai_strerror(failed)), text);
  sockaddr_storage address{};
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

Expected<Owned<rdma_cm_id>> cm_listener(rdma_event_channel* channel, const std::string& address, rdma_port_space space,
                                        int backlog) {
  auto at = cm_address(address, 0);
  if (!at) return tl::unexpected(at.error());
  int why = 0;
  for (int tries = 0; tries < kCmPortTries; ++tries) {
    rdma_cm_id* made = nullptr;
    if (rdma_create_id(channel, &made, nullptr, space) != 0)
      return refused("cannot make an rdma_cm id", address, errno);
    Owned<rdma_cm_id> listener(made);
    const bool bound = rdma_bind_addr(made, reinterpret_cast<sockaddr*>(&*at)) == 0;
    if (bound && rdma_listen(made, backlog) == 0) return listener;
    why = errno;
    if (!bound || !cm_port_was_taken(why)) break;
  }
  return refused("rdma_cm cannot listen", address, why);
}

std::string cm_device_of(const std::string& address) {
  auto at = cm_address(address, 0);
  const Owned<rdma_event_channel> channel(at ? rdma_create_event_channel() : nullptr);
  rdma_cm_id* made = nullptr;
  if (channel == nullptr || rdma_create_id(channel.get(), &made, nullptr, RDMA_PS_TCP) != 0) return {};
  const Owned<rdma_cm_id> id(made);
  if (rdma_bind_addr(made, reinterpret_cast<sockaddr*>(&*at)) != 0 || made->verbs == nullptr) return {};
  return ibv_get_device_name(made->verbs->device);
}

Expected<ibv_context*> cm_context(const std::string& device) {
  int count = 0;
  ibv_context** const contexts = rdma_get_devices(&count);
  if (contexts == nullptr) return refused("cannot reach rdma_cm", "/dev/infiniband/rdma_cm", errno);
  ibv_context** const found = std::find_if(contexts, contexts + count, [&](const ibv_context* context) {
    return device == ibv_get_device_name(context->device);
  });
  ibv_context* const context = found == contexts + count ? nullptr : *found;
  rdma_free_devices(contexts);
  if (context == nullptr)
    return environment_error("rdma_cm does not know the device", device, "load the kernel's module rdma_ucm");
  return context;
}

Expected<std::uint16_t> cm_listen(Connection& c, const PairPlan& plan, const std::string& address) {
  if (auto done = make_channel(c); !done) return tl::unexpected(done.error());
  auto listener = cm_listener(c.cm.channel.get(), address, space_of(plan), 64);
  if (!listener) return tl::unexpected(listener.error());
  c.cm.listener = std::move(*listener);
  return ntohs(rdma_get_src_port(c.cm.listener.get()));
}

Expected<void> cm_connect(Connection& c, const PairPlan& plan, ibv_qp_init_attr shape, Control& control, Side side) {
  if (side == Side::kCaller)
    if (auto done = make_channel(c); !done) return done;
  if (side == Side::kListener) return answer_all(c, plan, shape, control);
  for (std::uint32_t i = 0; i < plan.qps; ++i)
    if (auto done = call_from_a_free_port(c, plan, shape, control); !done) return done;
  return {};
}

}  // namespace weft::verbs
