#include "tests/support/fake_verbs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#undef ibv_reg_mr

namespace weft::testing {
namespace {

struct Received {
  std::uint64_t id = 0;
  std::byte* place = nullptr;
  std::uint32_t length = 0;
};
struct Posted {
  ibv_send_wr wr{};
  std::byte* place = nullptr;
  std::uint32_t length = 0;
  std::vector<std::byte> inlined;
};
struct Cq {
  ibv_cq base{};
  std::deque<ibv_wc> completions;
};
struct Srq {
  ibv_srq base{};
  ibv_srq_type type = IBV_SRQT_BASIC;
  ibv_xrcd* domain = nullptr;
  ibv_cq* cq = nullptr;
  std::uint32_t number = 0;
  std::deque<Received> receives;
};
struct Qp {
  ibv_qp base{};
  ibv_xrcd* domain = nullptr;
  ibv_qp_attr attributes{};
  std::deque<Received> receives;
  std::deque<Posted> sends;
};
struct Region {
  ibv_mr base{};
  int access = 0;
};

struct World {
  std::recursive_mutex mutex;
  std::map<std::uint32_t, Qp*> qps;
  std::map<std::uint32_t, Srq*> srqs;
  std::map<std::uint32_t, Region*> regions;  // by rkey
  std::set<const void*> domains;
  std::multiset<const void*> users;  // of a PD, CQ, SRQ or XRC domain, one entry each
  std::vector<std::string> violations;
  std::uint32_t next = 100;
};

World& world() {
  static World one;
  return one;
}

int refuse(const std::string& why, int error = EINVAL) {
  world().violations.push_back(why);
  return errno = error;
}

void use(std::initializer_list<const void*> things) {
  for (const void* thing : things)
    if (thing != nullptr) world().users.insert(thing);
}
void release(std::initializer_list<const void*> things) {
  for (const void* thing : things)
    if (const auto at = world().users.find(thing); at != world().users.end()) world().users.erase(at);
}
template <typename T>
int destroy(T* thing, const void* base, const char* what) {
  const std::scoped_lock lock(world().mutex);
  if (world().users.contains(base)) return refuse(fmt::format("a {} that is in use was given back", what), EBUSY);
  delete thing;
  return 0;
}

// What a transition needs, and what it may have besides. Zero: the fake does not know the type.
std::pair<int, int> masks_of(ibv_qp_type type, ibv_qp_state to) {
  const int connected = IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
  const int answers = IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
  const int asks = IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC;
  const int more = IBV_QP_ALT_PATH | IBV_QP_ACCESS_FLAGS;
  if (to == IBV_QPS_INIT) return {IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS, 0};
  if (to == IBV_QPS_RTR) return {type == IBV_QPT_XRC_SEND ? connected : connected | answers, more | IBV_QP_PKEY_INDEX};
  if (type == IBV_QPT_XRC_RECV) return {IBV_QP_TIMEOUT | IBV_QP_SQ_PSN, more | IBV_QP_MIN_RNR_TIMER};
  return {asks, more | (type == IBV_QPT_RC ? IBV_QP_MIN_RNR_TIMER : 0)};
}

void complete(ibv_cq* cq, const ibv_wc& wc) { reinterpret_cast<Cq*>(cq)->completions.push_back(wc); }

// Memory of the far side that a request may reach; nullptr: none.
std::byte* reach(const ibv_pd* pd, std::uint32_t rkey, std::uint64_t address, std::uint64_t length, int access) {
  const auto at = world().regions.find(rkey);
  if (at == world().regions.end() || at->second->base.pd != pd || (at->second->access & access) != access)
    return nullptr;
  const auto first = reinterpret_cast<std::uint64_t>(at->second->base.addr);
  if (address < first || address + length > first + at->second->base.length) return nullptr;
  return reinterpret_cast<std::byte*>(address);  // NOLINT(performance-no-int-to-ptr): as a device has it
}

// Who answers a QP's requests.
struct Target {
  Qp* qp = nullptr;
  Srq* srq = nullptr;
  ibv_pd* pd = nullptr;
};
ibv_wc_status find(const Qp& from, const Posted& posted, Target& target) {
  const auto at = world().qps.find(from.attributes.dest_qp_num);
  const bool xrc = from.base.qp_type == IBV_QPT_XRC_SEND;
  if (at == world().qps.end()) return IBV_WC_RETRY_EXC_ERR;
  target.qp = at->second;
  const bool ready = target.qp->base.state == IBV_QPS_RTR || target.qp->base.state == IBV_QPS_RTS;
  if (!ready || target.qp->base.qp_type != (xrc ? IBV_QPT_XRC_RECV : IBV_QPT_RC) ||
      target.qp->attributes.dest_qp_num != from.base.qp_num || target.qp->attributes.rq_psn != from.attributes.sq_psn)
    return IBV_WC_RETRY_EXC_ERR;
  target.srq = reinterpret_cast<Srq*>(target.qp->base.srq);
  target.pd = target.qp->base.pd;
  if (!xrc) return IBV_WC_SUCCESS;
  const auto srq = world().srqs.find(posted.wr.qp_type.xrc.remote_srqn);
  if (srq == world().srqs.end() || srq->second->type != IBV_SRQT_XRC || srq->second->domain != target.qp->domain)
    return IBV_WC_REM_INV_REQ_ERR;
  target.srq = srq->second;
  target.pd = srq->second->base.pd;
  return IBV_WC_SUCCESS;
}

ibv_wc_status touch_memory(const Posted& posted, const Target& target) {
  const std::byte* const bytes = posted.inlined.empty() ? posted.place : posted.inlined.data();
  const auto& wr = posted.wr;
  const bool atomic = wr.opcode == IBV_WR_ATOMIC_CMP_AND_SWP || wr.opcode == IBV_WR_ATOMIC_FETCH_AND_ADD;
  if (atomic) {
    std::byte* const at = reach(target.pd, wr.wr.atomic.rkey, wr.wr.atomic.remote_addr, 8, IBV_ACCESS_REMOTE_ATOMIC);
    if (at == nullptr) return IBV_WC_REM_ACCESS_ERR;
    std::uint64_t value = 0, next = 0;
    std::memcpy(&value, at, 8);
    next = wr.opcode == IBV_WR_ATOMIC_FETCH_AND_ADD ? value + wr.wr.atomic.compare_add
           : value == wr.wr.atomic.compare_add      ? wr.wr.atomic.swap
                                                    : value;
    std::memcpy(at, &next, 8);
    std::memcpy(posted.place, &value, 8);
    return IBV_WC_SUCCESS;
  }
  const bool reads = wr.opcode == IBV_WR_RDMA_READ;
  std::byte* const at = reach(target.pd, wr.wr.rdma.rkey, wr.wr.rdma.remote_addr, posted.length,
                              reads ? IBV_ACCESS_REMOTE_READ : IBV_ACCESS_REMOTE_WRITE);
  if (at == nullptr) return IBV_WC_REM_ACCESS_ERR;
  if (posted.length > 0) std::memcpy(reads ? posted.place : at, reads ? at : bytes, posted.length);
  return IBV_WC_SUCCESS;
}

// False: the peer has no receive, the message waits (RNR).
bool deliver(Qp& from, const Posted& posted) {
  Target target;
  ibv_wc done{};
  done.wr_id = posted.wr.wr_id;
  done.qp_num = from.base.qp_num;
  done.status = find(from, posted, target);
  const bool sends = posted.wr.opcode == IBV_WR_SEND, immediate = posted.wr.opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
  if (done.status == IBV_WC_SUCCESS && (sends || immediate)) {
    auto& queue = target.srq != nullptr ? target.srq->receives : target.qp->receives;
    if (queue.empty()) return false;
    if (immediate) done.status = touch_memory(posted, target);
    const Received receive = queue.front();
    queue.pop_front();
    if (sends && receive.length < posted.length) done.status = IBV_WC_REM_INV_REQ_ERR;
    if (sends && done.status == IBV_WC_SUCCESS && posted.length > 0)
      std::memcpy(receive.place, posted.inlined.empty() ? posted.place : posted.inlined.data(), posted.length);
    ibv_wc arrived{};
    arrived.wr_id = receive.id;
    arrived.qp_num = target.qp->base.qp_num;
    arrived.status = done.status == IBV_WC_SUCCESS ? IBV_WC_SUCCESS : IBV_WC_LOC_LEN_ERR;
    arrived.opcode = sends ? IBV_WC_RECV : IBV_WC_RECV_RDMA_WITH_IMM;
    arrived.byte_len = posted.length;
    arrived.imm_data = posted.wr.imm_data;
    complete(target.srq != nullptr && target.srq->cq != nullptr ? target.srq->cq : target.qp->base.recv_cq, arrived);
  } else if (done.status == IBV_WC_SUCCESS) {
    done.status = touch_memory(posted, target);
  }
  if (done.status != IBV_WC_SUCCESS) from.base.state = IBV_QPS_ERR;
  if (done.status != IBV_WC_SUCCESS || (posted.wr.send_flags & IBV_SEND_SIGNALED) != 0)
    complete(from.base.send_cq, done);
  return true;
}

void move_all() {
  for (auto& [number, qp] : world().qps)
    while (!qp->sends.empty() && qp->base.state == IBV_QPS_RTS && deliver(*qp, qp->sends.front()))
      qp->sends.pop_front();
}

Received received(const ibv_recv_wr& wr) {
  if (wr.num_sge == 0) return {wr.wr_id, nullptr, 0};
  return {wr.wr_id, reinterpret_cast<std::byte*>(wr.sg_list->addr), wr.sg_list->length};  // NOLINT
}

int post_send(ibv_qp* qp, ibv_send_wr* wr, ibv_send_wr** bad) {
  const std::scoped_lock lock(world().mutex);
  for (; wr != nullptr; wr = wr->next) {
    *bad = wr;
    if (qp->qp_type == IBV_QPT_XRC_RECV) return refuse("a send was posted on a QP that only receives");
    Posted posted;
    posted.wr = *wr;
    if (wr->num_sge > 0) {
      posted.place = reinterpret_cast<std::byte*>(wr->sg_list->addr);  // NOLINT
      posted.length = wr->sg_list->length;
      if ((wr->send_flags & IBV_SEND_INLINE) != 0) posted.inlined.assign(posted.place, posted.place + posted.length);
    }
    reinterpret_cast<Qp*>(qp)->sends.push_back(std::move(posted));
  }
  move_all();
  return 0;
}
int post_recv(ibv_qp* qp, ibv_recv_wr* wr, ibv_recv_wr** bad) {
  const std::scoped_lock lock(world().mutex);
  *bad = wr;
  if (qp->qp_type != IBV_QPT_RC || qp->srq != nullptr) return refuse("a receive on a QP that has no receive queue");
  for (; wr != nullptr; wr = wr->next) reinterpret_cast<Qp*>(qp)->receives.push_back(received(*wr));
  move_all();
  return 0;
}
int post_srq_recv(ibv_srq* srq, ibv_recv_wr* wr, ibv_recv_wr**) {
  const std::scoped_lock lock(world().mutex);
  for (; wr != nullptr; wr = wr->next) reinterpret_cast<Srq*>(srq)->receives.push_back(received(*wr));
  move_all();
  return 0;
}
int poll_cq(ibv_cq* cq, int most, ibv_wc* completions) {
  const std::scoped_lock lock(world().mutex);
  auto& queue = reinterpret_cast<Cq*>(cq)->completions;
  int count = 0;
  for (; count < most && !queue.empty(); ++count) {
    completions[count] = queue.front();
    queue.pop_front();
  }
  return count;
}

Qp* make_qp(ibv_context* context, ibv_qp_type type, ibv_pd* pd) {
  auto* const qp = new Qp;
  qp->base.context = context;
  qp->base.qp_type = type;
  qp->base.state = IBV_QPS_RESET;
  qp->base.pd = pd;
  qp->base.qp_num = world().next++;
  world().qps[qp->base.qp_num] = qp;
  return qp;
}
ibv_qp* create_qp_ex(ibv_context* context, ibv_qp_init_attr_ex* wanted) {
  const std::scoped_lock lock(world().mutex);
  if (wanted->qp_type != IBV_QPT_XRC_RECV || wanted->comp_mask != IBV_QP_INIT_ATTR_XRCD || wanted->xrcd == nullptr ||
      wanted->send_cq != nullptr || wanted->recv_cq != nullptr || wanted->srq != nullptr) {
    refuse("an XRC_RECV QP has an XRC domain and nothing else");
    return nullptr;
  }
  Qp* const qp = make_qp(context, wanted->qp_type, nullptr);
  qp->domain = wanted->xrcd;
  use({qp->domain});
  return &qp->base;
}
Srq* make_srq(ibv_pd* pd, ibv_srq_type type) {
  auto* const srq = new Srq;
  srq->base.context = pd->context;
  srq->base.pd = pd;
  srq->type = type;
  srq->number = world().next++;
  world().srqs[srq->number] = srq;
  use({pd});
  return srq;
}
ibv_srq* create_srq_ex(ibv_context*, ibv_srq_init_attr_ex* wanted) {
  const std::scoped_lock lock(world().mutex);
  const unsigned needs = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD | IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ;
  if (wanted->comp_mask != needs || wanted->srq_type != IBV_SRQT_XRC || wanted->xrcd == nullptr ||
      wanted->cq == nullptr) {
    refuse("an XRC SRQ has a PD, an XRC domain and a CQ");
    return nullptr;
  }
  Srq* const srq = make_srq(wanted->pd, IBV_SRQT_XRC);
  srq->domain = wanted->xrcd;
  srq->cq = wanted->cq;
  use({srq->domain, srq->cq});
  return &srq->base;
}
int get_srq_num(ibv_srq* srq, std::uint32_t* number) {
  *number = reinterpret_cast<Srq*>(srq)->number;
  return 0;
}
ibv_xrcd* open_xrcd(ibv_context* context, ibv_xrcd_init_attr* wanted) {
  const std::scoped_lock lock(world().mutex);
  const unsigned needs = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS;
  if (wanted->comp_mask != needs || (wanted->fd == -1 && wanted->oflags == 0)) {
    refuse("an XRC domain without a file is to be created");
    return nullptr;
  }
  auto* const domain = new ibv_xrcd{context};
  world().domains.insert(domain);
  return domain;
}
int close_xrcd(ibv_xrcd* domain) {
  const int failed = destroy(domain, domain, "XRC domain");
  if (failed == 0) world().domains.erase(domain);
  return failed;
}

}  // namespace

ibv_context* open_fake_device() {
  auto* const all = new verbs_context{};
  all->sz = sizeof *all;
  all->create_qp_ex = create_qp_ex;
  all->create_srq_ex = create_srq_ex;
  all->get_srq_num = get_srq_num;
  all->open_xrcd = open_xrcd;
  all->close_xrcd = close_xrcd;
  all->context.abi_compat = __VERBS_ABI_IS_EXTENDED;
  all->context.ops.post_send = post_send;
  all->context.ops.post_recv = post_recv;
  all->context.ops.post_srq_recv = post_srq_recv;
  all->context.ops.poll_cq = poll_cq;
  return &all->context;
}

std::vector<FakeQpFacts> fake_qps() {
  std::vector<FakeQpFacts> all;
  for (const auto& [number, qp] : world().qps)
    all.push_back({number, qp->base.qp_type, qp->base.state, qp->attributes.dest_qp_num, qp->base.recv_cq != nullptr});
  return all;
}
unsigned fake_xrc_domains() { return static_cast<unsigned>(world().domains.size()); }
unsigned fake_srqs(ibv_srq_type type) {
  unsigned count = 0;
  for (const auto& [number, srq] : world().srqs) count += srq->type == type ? 1 : 0;
  return count;
}
std::vector<std::string> take_fake_violations() { return std::exchange(world().violations, {}); }

}  // namespace weft::testing

// NOLINTBEGIN(readability-identifier-naming): libibverbs' names
extern "C" {
using namespace weft::testing;  // NOLINT(google-build-using-namespace)

int ibv_close_device(ibv_context* context) {
  delete reinterpret_cast<verbs_context*>(reinterpret_cast<char*>(context) - offsetof(verbs_context, context));
  return 0;
}
ibv_pd* ibv_alloc_pd(ibv_context* context) { return new ibv_pd{context, 0}; }
int ibv_dealloc_pd(ibv_pd* pd) { return destroy(pd, pd, "protection domain"); }
ibv_cq* ibv_create_cq(ibv_context* context, int, void*, ibv_comp_channel*, int) {
  auto* const cq = new Cq;
  cq->base.context = context;
  return &cq->base;
}
int ibv_destroy_cq(ibv_cq* cq) { return destroy(reinterpret_cast<Cq*>(cq), cq, "CQ"); }
ibv_mr* ibv_reg_mr(ibv_pd* pd, void* place, size_t length, int access) {
  const std::scoped_lock lock(world().mutex);
  auto* const region = new Region;
  region->base = {pd->context, pd, place, length, 0, world().next, world().next};
  region->access = access;
  world().regions[world().next++] = region;
  use({pd});
  return &region->base;
}
ibv_mr* ibv_reg_mr_iova2(ibv_pd* pd, void* place, size_t length, uint64_t, unsigned int access) {
  return ibv_reg_mr(pd, place, length, static_cast<int>(access));
}
ibv_mr* ibv_reg_dmabuf_mr(ibv_pd* pd, uint64_t offset, size_t length, uint64_t iova, int fd, int access) {
  const bool good = offset == 0 && lseek(fd, 0, SEEK_END) >= static_cast<off_t>(length);
  if (!good) refuse("a dma-buf that is none, or too small");
  return good ? ibv_reg_mr(pd, reinterpret_cast<void*>(iova), length, access) : nullptr;  // NOLINT
}
int ibv_dereg_mr(ibv_mr* region) {
  const std::scoped_lock lock(world().mutex);
  world().regions.erase(region->rkey);
  release({region->pd});
  delete reinterpret_cast<Region*>(region);
  return 0;
}
ibv_srq* ibv_create_srq(ibv_pd* pd, ibv_srq_init_attr*) {
  const std::scoped_lock lock(world().mutex);
  return &make_srq(pd, IBV_SRQT_BASIC)->base;
}
int ibv_destroy_srq(ibv_srq* srq) {
  const std::scoped_lock lock(world().mutex);
  const Srq copy = *reinterpret_cast<Srq*>(srq);
  const int failed = destroy(reinterpret_cast<Srq*>(srq), srq, "SRQ");
  if (failed != 0) return failed;
  world().srqs.erase(copy.number);
  release({copy.base.pd, copy.domain, copy.cq});
  return 0;
}
ibv_qp* ibv_create_qp(ibv_pd* pd, ibv_qp_init_attr* wanted) {
  const std::scoped_lock lock(world().mutex);
  const bool sends_only = wanted->qp_type == IBV_QPT_XRC_SEND;
  if ((!sends_only && wanted->qp_type != IBV_QPT_RC) || wanted->send_cq == nullptr ||
      sends_only != (wanted->recv_cq == nullptr) ||
      (sends_only && (wanted->srq != nullptr || wanted->cap.max_recv_wr > 0))) {
    refuse("a QP with queues that its type has not");
    return nullptr;
  }
  Qp* const qp = make_qp(pd->context, wanted->qp_type, pd);
  qp->base.send_cq = wanted->send_cq;
  qp->base.recv_cq = wanted->recv_cq;
  qp->base.srq = wanted->srq;
  use({pd, wanted->send_cq, wanted->recv_cq, wanted->srq});
  return &qp->base;
}
int ibv_destroy_qp(ibv_qp* base) {
  const std::scoped_lock lock(world().mutex);
  auto* const qp = reinterpret_cast<Qp*>(base);
  world().qps.erase(base->qp_num);
  release({base->pd, base->send_cq, base->recv_cq, base->srq, qp->domain});
  delete qp;
  return 0;
}
int ibv_modify_qp(ibv_qp* base, ibv_qp_attr* wanted, int mask) {
  const std::scoped_lock lock(world().mutex);
  const auto [needs, may] = masks_of(base->qp_type, wanted->qp_state);
  const int given = mask & ~IBV_QP_STATE;
  const bool next = (base->state == IBV_QPS_RESET && wanted->qp_state == IBV_QPS_INIT) ||
                    (base->state == IBV_QPS_INIT && wanted->qp_state == IBV_QPS_RTR) ||
                    (base->state == IBV_QPS_RTR && wanted->qp_state == IBV_QPS_RTS);
  if (!next || (given & needs) != needs || (given & ~(needs | may)) != 0)
    return refuse(fmt::format("QP type {} to state {} with attributes {:#x}, not {:#x}",
                              static_cast<int>(base->qp_type), static_cast<int>(wanted->qp_state), given, needs));
  ibv_qp_attr& kept = reinterpret_cast<Qp*>(base)->attributes;
  if ((mask & IBV_QP_DEST_QPN) != 0) kept.dest_qp_num = wanted->dest_qp_num;
  if ((mask & IBV_QP_RQ_PSN) != 0) kept.rq_psn = wanted->rq_psn;
  if ((mask & IBV_QP_SQ_PSN) != 0) kept.sq_psn = wanted->sq_psn;
  base->state = wanted->qp_state;
  return 0;
}
}  // extern "C"
// NOLINTEND(readability-identifier-naming)
