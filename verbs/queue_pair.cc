#include "verbs/queue_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

namespace weft::verbs {
namespace {

ibv_qp_type type_of(const QpShape& shape) {
  switch (shape.transport) {
    case Transport::kUc:
      return IBV_QPT_UC;
    case Transport::kUd:
      return IBV_QPT_UD;
    case Transport::kXrc:
      return shape.xrc_receiver ? IBV_QPT_XRC_RECV : IBV_QPT_XRC_SEND;
    case Transport::kRc:
      break;
  }
  return IBV_QPT_RC;
}

Expected<void> modify(ibv_qp* qp, ibv_qp_attr& attributes, int mask, const char* state) {
  const int failed = ibv_modify_qp(qp, &attributes, mask);
  if (failed == 0) return {};
  auto error = refused(fmt::format("cannot bring QP {} to {}", qp->qp_num, state), {}, failed);
  if (error.value().way_out.empty())
    error.value().way_out = "check --gid-index, --mtu and the peer's address: the device refuses the path";
  return error;
}

}  // namespace

Expected<ibv_mtu> mtu_code(std::uint32_t bytes) {
  for (const ibv_mtu code : {IBV_MTU_256, IBV_MTU_512, IBV_MTU_1024, IBV_MTU_2048, IBV_MTU_4096})
    if (mtu_bytes(code) == bytes) return code;
  return input_error("not an MTU of RDMA", fmt::format("{}", bytes), "256, 512, 1024, 2048 or 4096");
}

ibv_ah_attr address_vector(const Port& port, const Offer& peer, const PathSettings& path) {
  ibv_ah_attr vector{};
  vector.is_global = 1;
  std::memcpy(vector.grh.dgid.raw, peer.gid.data(), peer.gid.size());
  vector.grh.sgid_index = static_cast<std::uint8_t>(port.gid_index);
  vector.grh.flow_label = path.flow_label;
  vector.grh.hop_limit = path.hop_limit;
  vector.grh.traffic_class = path.traffic_class;
  vector.dlid = peer.lid;
  vector.sl = path.service_level;
  vector.port_num = port.number;
  return vector;
}

Expected<QueuePair> QueuePair::created(ibv_pd* pd, const QpShape& shape) {
  ibv_qp_init_attr_ex wanted{};
  wanted.qp_type = type_of(shape);
  wanted.sq_sig_all = 0;
  wanted.comp_mask = IBV_QP_INIT_ATTR_PD;
  wanted.pd = pd;
  if (wanted.qp_type == IBV_QPT_XRC_RECV) {
    wanted.comp_mask = IBV_QP_INIT_ATTR_XRCD;
    wanted.xrcd = shape.xrcd;
  } else {
    wanted.send_cq = shape.cq;
    wanted.cap.max_send_wr = shape.sends;
    wanted.cap.max_send_sge = 1;
    wanted.cap.max_inline_data = shape.inline_size;
  }
  if (wanted.qp_type != IBV_QPT_XRC_RECV && wanted.qp_type != IBV_QPT_XRC_SEND) {
    wanted.recv_cq = shape.cq;
    wanted.srq = shape.srq;
    wanted.cap.max_recv_wr = shape.srq != nullptr ? 0 : shape.receives;
    wanted.cap.max_recv_sge = shape.srq != nullptr ? 0 : 1;
  }
  QueuePair made;
  made.transport_ = shape.transport;
  made.asks_ = wanted.qp_type != IBV_QPT_XRC_RECV;
  made.answers_ = wanted.qp_type != IBV_QPT_XRC_SEND;
  made.qp_.reset(ibv_create_qp_ex(pd->context, &wanted));
  if (made.qp_ == nullptr) {
    const int failed = errno;
    auto error = refused(fmt::format("cannot create a {} QP", to_text(shape.transport)), {}, failed);
    if (failed == EINVAL)
      error.value().way_out = fmt::format("{} WRs, {} receives or {} B inline may be more than the device has",
                                          shape.sends, shape.receives, shape.inline_size);
    return error;
  }
  std::random_device random;
  made.psn_ = random() & 0xffffffU;
  return made;
}

Expected<void> QueuePair::to_init(const Port& port) {
  ibv_qp_attr wanted{};
  wanted.qp_state = IBV_QPS_INIT;
  wanted.port_num = port.number;
  int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT;
  if (transport_ == Transport::kUd) {
    wanted.qkey = kQkey;
    mask |= IBV_QP_QKEY;
  } else {
    wanted.qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
    if (is_reliable(transport_)) wanted.qp_access_flags |= IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
    mask |= IBV_QP_ACCESS_FLAGS;
  }
  return modify(qp_.get(), wanted, mask, "INIT");
}

Expected<void> QueuePair::to_rtr(const Port& port, const Offer& peer, const QpAddress& peer_qp,
                                 const PathSettings& path) {
  ibv_qp_attr wanted{};
  wanted.qp_state = IBV_QPS_RTR;
  if (transport_ == Transport::kUd) return modify(qp_.get(), wanted, IBV_QP_STATE, "RTR");
  const auto mtu = mtu_code(path.mtu);
  if (!mtu) return tl::unexpected(mtu.error());
  wanted.path_mtu = *mtu;
  wanted.dest_qp_num = peer_qp.number;
  wanted.rq_psn = peer_qp.psn;
  wanted.ah_attr = address_vector(port, peer, path);
  int mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
  if (is_reliable(transport_) && answers_) {
    wanted.max_dest_rd_atomic = path.reads;
    wanted.min_rnr_timer = 12;  // 0.64 ms
    mask |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
  }
  return modify(qp_.get(), wanted, mask, "RTR");
}

Expected<void> QueuePair::to_rts(const PathSettings& path) {
  ibv_qp_attr wanted{};
  wanted.qp_state = IBV_QPS_RTS;
  wanted.sq_psn = psn_;
  int mask = IBV_QP_STATE | IBV_QP_SQ_PSN;
  if (is_reliable(transport_)) {
    wanted.timeout = path.ack_timeout;
    mask |= IBV_QP_TIMEOUT;
  }
  if (is_reliable(transport_) && asks_) {
    wanted.retry_cnt = path.retries;
    wanted.rnr_retry = path.rnr_retries;
    wanted.max_rd_atomic = path.reads;
    mask |= IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
  }
  return modify(qp_.get(), wanted, mask, "RTS");
}

}  // namespace weft::verbs
