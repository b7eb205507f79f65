// A QP to each rank by rdma_cm, all over one event channel: iWARP has no other way.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "verbs/connection.h"

namespace weft::verbs {

class CmLinks {
 public:
  struct Place {
    std::string address;
    std::uint16_t port = 0;
  };
  // Others find this rank at the address. Errors: kInput: it is another device's; kEnvironment.
  [[nodiscard]] Expected<void> listen(ibv_context* context, const std::string& address);
  [[nodiscard]] std::uint16_t port() const;  // 0: does not listen
  // Calls ranks below, answers those above; whoever calls says its rank. Bounded. Errors: kEnvironment, kInterrupted.
  [[nodiscard]] Expected<void> connect(std::uint32_t rank, const std::map<std::uint32_t, Place>& places, ibv_pd* pd,
                                       const ibv_qp_init_attr& shape, const std::atomic<bool>& stop);
  [[nodiscard]] ibv_qp* qp(std::uint32_t rank) const { return ids_.at(rank)->qp; }

 private:
  using Id = std::unique_ptr<rdma_cm_id, CmLink::DestroyQpToo>;

  [[nodiscard]] Expected<void> call(std::uint32_t rank, const Place& place);
  // From another port: the one that rdma_cm chose for the id was taken.
  [[nodiscard]] Expected<void> call_again(const rdma_cm_id& id, const std::map<std::uint32_t, Place>& places);
  [[nodiscard]] Expected<void> take(const rdma_cm_event& event, const std::map<std::uint32_t, Place>& places);
  [[nodiscard]] Expected<void> answer(const rdma_cm_event& event, const std::map<std::uint32_t, Place>& places);
  [[nodiscard]] Expected<void> make_qp(rdma_cm_id* id);

  // In the order of their making.
  Owned<rdma_event_channel> channel_;
  Owned<rdma_cm_id> listener_;
  std::map<std::uint32_t, Id> ids_;  // of each rank
  ibv_context* context_ = nullptr;
  ibv_pd* pd_ = nullptr;
  ibv_qp_init_attr shape_{};
  std::string address_;
  std::uint32_t rank_ = 0;
  std::size_t established_ = 0, ports_taken_ = 0;
};

}  // namespace weft::verbs
