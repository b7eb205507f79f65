#include "verbs/collective/cm_links.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace weft::verbs {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{20};  // until all ranks are connected
constexpr int kResolveMilliseconds = 3000;     // an ARP that is asked again each second, twice

rdma_conn_param parameters() {
  rdma_conn_param p{};
  p.responder_resources = p.initiator_depth = 1;
  p.retry_count = p.rnr_retry_count = 7;  // as many as the field of three bits has; of RNR: for ever (IBTA)
  return p;
}

}  // namespace

Expected<void> CmLinks::listen(ibv_context* context, const std::string& address) {
  context_ = context;
  address_ = address;
  auto channel = cm_channel();
  if (!channel) return tl::unexpected(channel.error());
  channel_ = std::move(*channel);
  auto listener = cm_listener(channel_.get(), address, RDMA_PS_TCP, 256);
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  if (listener_->verbs != context)
    return input_error("with iWARP a rank's device is the one that has its host's address",
                       fmt::format("{} is not of {}", address, ibv_get_device_name(context->device)),
                       "leave --devices out, or give --peers that device's address");
  return {};
}

std::uint16_t CmLinks::port() const { return listener_ == nullptr ? 0 : ntohs(rdma_get_src_port(listener_.get())); }

Expected<void> CmLinks::make_qp(rdma_cm_id* id) {
  ibv_qp_init_attr shape = shape_;
  if (id->verbs != context_)
    return environment_error("the way to a rank leaves by another device", address_, "check routes and --devices");
  if (rdma_create_qp(id, pd_, &shape) != 0) return refused("cannot create a QP", address_, errno);
  return {};
}

Expected<void> CmLinks::call(std::uint32_t rank, const Place& place) {
  auto from = cm_address(address_, 0);
  auto to = cm_address(place.address, place.port);
  if (!from) return tl::unexpected(from.error());
  if (!to) return tl::unexpected(to.error());
  rdma_cm_id* made = nullptr;
  if (rdma_create_id(channel_.get(), &made, nullptr, RDMA_PS_TCP) != 0)
    return refused("cannot make an rdma_cm id", address_, errno);
  ids_[rank].reset(made);
  if (rdma_resolve_addr(made, reinterpret_cast<sockaddr*>(&*from), reinterpret_cast<sockaddr*>(&*to),
                        kResolveMilliseconds) != 0)
    return refused("rdma_cm cannot resolve a rank's address", place.address, errno);
  return {};
}

Expected<void> CmLinks::call_again(const rdma_cm_id& id, const std::map<std::uint32_t, Place>& places) {
  const auto at = std::ranges::find(ids_, &id, [](const auto& entry) { return entry.second.get(); });
  WEFT_CHECK(at != ids_.end());
  const std::uint32_t rank = at->first;
  ids_.erase(at);
  return call(rank, places.at(rank));
}

Expected<void> CmLinks::answer(const rdma_cm_event& event, const std::map<std::uint32_t, Place>& places) {
  std::uint32_t rank = 0;
  const auto& said = event.param.conn;
  const bool whole = said.private_data != nullptr && said.private_data_len >= sizeof rank;
  if (whole) std::memcpy(&rank, said.private_data, sizeof rank);
  rank = ntohl(rank);
  Id id(event.id);
  if (!whole || rank <= rank_ || !places.contains(rank) || ids_.contains(rank)) {
    rdma_reject(id.get(), nullptr, 0);  // a stranger, none of us
    return {};
  }
  if (auto made = make_qp(id.get()); !made) return made;
  rdma_conn_param p = parameters();
  if (rdma_accept(id.get(), &p) != 0) return refused("rdma_cm cannot accept a rank", places.at(rank).address, errno);
  ids_[rank] = std::move(id);
  return {};
}

Expected<void> CmLinks::take(const rdma_cm_event& event, const std::map<std::uint32_t, Place>& places) {
  const std::uint32_t me = htonl(rank_);
  rdma_conn_param p = parameters();
  p.private_data = &me;
  p.private_data_len = sizeof me;
  switch (event.event) {
    case RDMA_CM_EVENT_ADDR_RESOLVED:
      if (rdma_resolve_route(event.id, kResolveMilliseconds) != 0)
        return refused("rdma_cm cannot resolve the route to a rank", address_, errno);
      return {};
    case RDMA_CM_EVENT_ROUTE_RESOLVED:
      if (auto made = make_qp(event.id); !made) return made;
      if (rdma_connect(event.id, &p) == 0) return {};
      if (const int why = errno; !cm_port_was_taken(why) || ports_taken_ == kCmPortTries * places.size())
        return refused("rdma_cm cannot connect", address_, why);
      ++ports_taken_;
      return call_again(*event.id, places);
    case RDMA_CM_EVENT_CONNECT_REQUEST:
      return answer(event, places);
    case RDMA_CM_EVENT_ESTABLISHED:
      ++established_;
      return {};
    default:
      return tl::unexpected(cm_error(event));
  }
}

Expected<void> CmLinks::connect(std::uint32_t rank, const std::map<std::uint32_t, Place>& places, ibv_pd* pd,
                                const ibv_qp_init_attr& shape, const std::atomic<bool>& stop) {
  rank_ = rank;
  pd_ = pd;
  shape_ = shape;
  for (const auto& [peer, place] : places)
    if (peer < rank)
      if (auto called = call(peer, place); !called) return called;
  const auto deadline = Clock::now() + kPatience;
  while (established_ < places.size()) {
    rdma_cm_event* event = nullptr;
    if (rdma_get_cm_event(channel_.get(), &event) == 0) {
      // An id cannot be given back before its event is acknowledged, which frees what the event points at.
      rdma_cm_event kept = *event;
      std::array<std::byte, 256> said{};
      if (kept.event == RDMA_CM_EVENT_CONNECT_REQUEST && kept.param.conn.private_data != nullptr) {
        std::memcpy(said.data(), kept.param.conn.private_data, kept.param.conn.private_data_len);
        kept.param.conn.private_data = said.data();
      }
      rdma_ack_cm_event(event);
      if (auto taken = take(kept, places); !taken) return taken;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return refused("rdma_cm failed", address_, errno);
    if (stop) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    if (Clock::now() > deadline)
      return environment_error("rdma_cm has not connected all ranks in time",
                               fmt::format("{} of {}", established_, places.size()),
                               "check that each host's address belongs to its iWARP device");
    cm_wait(*channel_);
  }
  return {};
}

}  // namespace weft::verbs
