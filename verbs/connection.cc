#include "verbs/connection.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace weft::verbs {
namespace {

int access_of(const PairPlan& plan) {
  int access = IBV_ACCESS_LOCAL_WRITE;
  if (plan.transport != Transport::kUd) access |= IBV_ACCESS_REMOTE_WRITE;
  if (is_reliable(plan.transport)) access |= IBV_ACCESS_REMOTE_READ;
  if (is_atomic(plan.op)) access |= IBV_ACCESS_REMOTE_ATOMIC;
  return access;
}

std::size_t memory_of(const PairPlan& plan) {
  std::uint64_t most = 0;
  for (const std::uint64_t size : plan.sizes) most = std::max(most, Layout(plan, size).bytes());
  return most;
}

// XRC: every request names an SRQ, whose PD is that of the memory it may reach, so there is one even if none receives.
Expected<void> make_xrc_srq(Connection& c, const PairPlan& plan) {
  ibv_xrcd_init_attr domain{};
  domain.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS;
  domain.fd = -1;  // of this process alone
  domain.oflags = O_CREAT;
  c.xrcd.reset(ibv_open_xrcd(c.context, &domain));
  if (c.xrcd == nullptr) return refused("cannot open an XRC domain", c.port.device, errno);
  ibv_srq_init_attr_ex wanted{};
  wanted.attr.max_wr = plan.receives;
  wanted.attr.max_sge = 1;
  wanted.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD | IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ;
  wanted.srq_type = IBV_SRQT_XRC;
  wanted.pd = c.pd.get();
  wanted.xrcd = c.xrcd.get();
  wanted.cq = c.cq.get();
  c.srq.reset(ibv_create_srq_ex(c.context, &wanted));
  if (c.srq == nullptr) return refused("cannot create an XRC SRQ", fmt::format("{} receives", plan.receives), errno);
  return {};
}

// Domain, CQ, SRQ and memory: what all QPs share.
Expected<Memory> make_memory(const Connection& c, const PairPlan& plan, const MemoryKind& kind) {
  const std::size_t size = std::max<std::size_t>(memory_of(plan), 4096);
  if (kind.owner == MemoryKind::Owner::kHost) return Memory::registered(c.pd.get(), size, access_of(plan));
  // Each of these has a processor look at the bytes of messages, which it cannot.
  for (const auto& [asked, what] :
       {std::pair(plan.verify, "--verify"), std::pair(plan.latency, "latency"),
        std::pair(is_atomic(plan.op), "atomics"), std::pair(plan.inline_size > 0, "--inline")})
    if (asked)
      return input_error(fmt::format("memory that the host cannot see has no {}", what), "--memory dmabuf",
                         "--memory host, or weft verbs bw --op write, read or send without it");
  auto exported = export_memory(kind, size);
  if (!exported) return tl::unexpected(exported.error());
  return Memory::imported(c.pd.get(), std::move(*exported), size, access_of(plan));
}

Expected<void> make_shared(Connection& c, const PairPlan& plan, Side side, const MemoryKind& kind) {
  if (plan.events) {
    c.channel.reset(ibv_create_comp_channel(c.context));
    if (c.channel == nullptr) return refused("cannot create a completion channel", c.port.device, errno);
  }
  c.pd.reset(ibv_alloc_pd(c.context));
  if (c.pd == nullptr) return refused("cannot allocate a protection domain", c.port.device, errno);
  const std::uint64_t entries = std::uint64_t{plan.qps} * plan.depth + receives_in_all(plan) + 64;
  const int most = c.port.limits.max_cqe;
  c.cq.reset(ibv_create_cq(c.context, static_cast<int>(std::min<std::uint64_t>(entries, static_cast<unsigned>(most))),
                           nullptr, c.channel.get(), 0));
  if (c.cq == nullptr) return refused("cannot create a CQ", fmt::format("{} entries", entries), errno);
  if (plan.transport == Transport::kXrc) {
    if (side == Side::kListener)
      if (auto made = make_xrc_srq(c, plan); !made) return made;
  } else if (plan.srq) {
    ibv_srq_init_attr wanted{};
    wanted.attr.max_wr = plan.receives;
    wanted.attr.max_sge = 1;
    c.srq.reset(ibv_create_srq(c.pd.get(), &wanted));
    if (c.srq == nullptr) return refused("cannot create an SRQ", fmt::format("{} receives", plan.receives), errno);
  }
  auto memory = make_memory(c, plan, kind);
  if (!memory) return tl::unexpected(memory.error());
  c.memory = std::move(*memory);
  return {};
}

QpShape shape_of(const Connection& c, const PairPlan& plan) {
  QpShape shape;
  shape.transport = plan.transport;
  shape.xrcd = c.xrcd.get();
  shape.xrc_receiver = c.xrcd != nullptr;
  shape.cq = c.cq.get();
  shape.srq = c.srq.get();
  shape.sends = plan.depth;
  shape.receives = takes_receives(plan.op) ? plan.receives : 1;
  shape.inline_size = c.inline_size;
  return shape;
}

// The most inline bytes up to those asked for that the device takes, by trial: it does not say.
void try_inline(Connection& c, const PairPlan& plan) {
  for (const std::uint32_t size : {plan.inline_size, 128U, 64U, 32U}) {
    if (size == 0 || size > plan.inline_size) continue;
    c.inline_size = size;
    if (QueuePair::created(c.pd.get(), shape_of(c, plan))) break;
    c.inline_size = 0;
  }
  if (c.inline_size < plan.inline_size)
    c.notes.push_back(
        fmt::format("--inline {} cut to {}: more is too much for {}", plan.inline_size, c.inline_size, c.port.device));
}

Expected<void> make_qps(Connection& c, const PairPlan& plan) {
  std::uint32_t srq = 0;
  if (c.xrcd != nullptr)
    if (const int failed = ibv_get_srq_num(c.srq.get(), &srq); failed != 0)
      return refused("the XRC SRQ has no number", c.port.device, failed);
  for (std::uint32_t i = 0; i < plan.qps; ++i) {
    auto qp = QueuePair::created(c.pd.get(), shape_of(c, plan));
    if (qp)
      if (auto done = qp->to_init(c.port); !done) qp = tl::unexpected(done.error());
    if (!qp) {
      qp.error().message +=
          fmt::format(" ({} of {}; the device says it has {})", i + 1, plan.qps, c.port.limits.max_qp);
      return tl::unexpected(qp.error());
    }
    c.mine.qps.push_back(qp->address());
    c.mine.qps.back().srq = srq;
    c.qps.push_back(qp->get());
    c.own_qps.push_back(std::move(*qp));
  }
  return {};
}

Offer offer_of(const Connection& c, const PairPlan& plan) {
  Offer offer;
  offer.device = c.port.device;
  offer.gid = c.port.gid;
  offer.lid = c.port.state.lid;
  offer.mtu = plan.mtu > 0 ? plan.mtu : mtu_bytes(c.port.state.active_mtu);
  offer.address = reinterpret_cast<std::uint64_t>(c.memory.data());
  offer.length = c.memory.size();
  offer.rkey = c.memory.rkey();
  offer.reads = static_cast<std::uint32_t>(
      std::max(1, std::min(c.port.limits.max_qp_rd_atom, c.port.limits.max_qp_init_rd_atom)));
  offer.largest_message = c.port.state.max_msg_sz;
  return offer;
}

Expected<void> check_peer(const Connection& c, const PairPlan& plan) {
  const auto wrong = [](const std::string& what, const std::string& item) {
    return input_error("the peer's offer does not fit the plan: " + what, item, "run the same weft on both hosts");
  };
  if (!plan.rdma_cm && c.peer.qps.size() != plan.qps)
    return wrong("QPs", fmt::format("{}, not {}", c.peer.qps.size(), plan.qps));
  if (c.peer.length < memory_of(plan)) return wrong("memory", fmt::format("{} B", c.peer.length));
  if (auto mtu = mtu_code(c.peer.mtu); !mtu) return wrong("MTU", fmt::format("{} B", c.peer.mtu));
  return {};
}

PathSettings path_of(const Connection& c, const PairPlan& plan, std::uint32_t qp) {
  PathSettings path;
  path.mtu = std::min(c.mine.mtu, c.peer.mtu);
  path.service_level = static_cast<std::uint8_t>(plan.service_level);
  path.traffic_class = static_cast<std::uint8_t>(plan.traffic_class);
  if (plan.flow_label > 0) path.flow_label = (plan.flow_label + qp) & 0xfffffU;
  path.reads = static_cast<std::uint8_t>(c.reads);
  return path;
}

Expected<void> bring_up(Connection& c, const PairPlan& plan) {
  for (std::uint32_t i = 0; i < plan.qps; ++i) {
    const PathSettings path = path_of(c, plan, i);
    if (auto done = c.own_qps[i].to_rtr(c.port, c.peer, c.peer.qps[i], path); !done) return done;
    if (auto done = c.own_qps[i].to_rts(path); !done) return done;
  }
  return {};
}

Expected<void> make_paths(Connection& c, const PairPlan& plan) {
  for (std::uint32_t i = 0; i < plan.qps; ++i) {
    ibv_ah_attr vector = address_vector(c.port, c.peer, path_of(c, plan, i));
    c.paths.emplace_back(ibv_create_ah(c.pd.get(), &vector));
    if (c.paths.back() == nullptr) return refused("cannot make a path to the peer", to_text(c.peer.gid), errno);
  }
  return {};
}

Expected<void> exchange_offers(Connection& c, Control& control) {
  if (auto sent = control.send({ControlKind::kOffer, to_json(c.mine)}); !sent) return sent;
  const auto got = control.receive(ControlKind::kOffer);
  if (!got) return tl::unexpected(got.error());
  auto offer = offer_from_json(*got);
  if (!offer) return tl::unexpected(offer.error());
  c.peer = std::move(*offer);
  return {};
}

ibv_qp_init_attr cm_shape(const Connection& c, const PairPlan& plan) {
  const QpShape shape = shape_of(c, plan);
  ibv_qp_init_attr wanted{};
  wanted.send_cq = wanted.recv_cq = shape.cq;
  wanted.srq = shape.srq;
  wanted.qp_type = plan.transport == Transport::kUd ? IBV_QPT_UD : IBV_QPT_RC;
  wanted.cap = {shape.sends, shape.srq != nullptr ? 0U : shape.receives, 1, 1, shape.inline_size};
  return wanted;
}

void agree_on_reads(Connection& c, const PairPlan& plan) {
  c.reads = std::min(c.mine.reads, c.peer.reads);
  if (plan.reads > 0) c.reads = std::min(c.reads, plan.reads);
}

Expected<void> connect_by_cm(Connection& c, const PairPlan& plan, Control& control, Side side) {
  c.mine = offer_of(c, plan);
  if (side == Side::kListener) {
    const auto port = cm_listen(c, plan, control.local_address());
    if (!port) return tl::unexpected(port.error());
    c.mine.cm_port = *port;
  }
  if (auto done = exchange_offers(c, control); !done) return done;
  agree_on_reads(c, plan);
  if (auto done = check_peer(c, plan); !done) return done;
  if (auto done = cm_connect(c, plan, cm_shape(c, plan), control, side); !done) return done;
  for (const ibv_qp* qp : c.qps) c.mine.qps.push_back({qp->qp_num, 0, RDMA_UDP_QKEY, 0});
  return exchange_offers(c, control);  // again, now with QPs
}

Expected<void> connect_by_tcp(Connection& c, const PairPlan& plan, Control& control) {
  if (auto done = make_qps(c, plan); !done) return done;
  auto qps = std::move(c.mine.qps);
  c.mine = offer_of(c, plan);
  c.mine.qps = std::move(qps);
  if (auto done = exchange_offers(c, control); !done) return done;
  if (auto done = check_peer(c, plan); !done) return done;
  agree_on_reads(c, plan);
  return bring_up(c, plan);
}

}  // namespace

std::uint64_t receives_in_all(const PairPlan& plan) {
  if (!takes_receives(plan.op)) return 0;
  return plan.srq ? plan.receives : std::uint64_t{plan.qps} * plan.receives;
}

Expected<void> fit_plan(PairPlan& plan, const Port& port, std::vector<std::string>& notes) {
  const std::uint32_t active = mtu_bytes(port.state.active_mtu);
  if (!port.iwarp && plan.mtu > active)
    return input_error(fmt::format("MTU {} does not fit {}", plan.mtu, port.device), fmt::format("{} B", active),
                       "raise its netdev's MTU (by 200 B more, for headers), or ask for a smaller --mtu");
  if (plan.transport == Transport::kXrc && (port.limits.device_cap_flags & IBV_DEVICE_XRC) == 0)
    return environment_error("the device has no XRC", port.device, "use --transport RC");
  if (plan.transport == Transport::kXrc && takes_receives(plan.op)) plan.srq = true;  // it has no other receives
  if (is_atomic(plan.op) && port.limits.atomic_cap == IBV_ATOMIC_NONE)
    return environment_error("the device has no atomics", port.device, "use --op write, read or send");
  if (port.iwarp && (!plan.rdma_cm || plan.transport != Transport::kRc))
    return input_error("the device is iWARP: it has RC over rdma_cm only", port.device, "--transport RC --rdma-cm");
  if (port.iwarp && plan.op == Op::kWriteImm)
    return environment_error("the device is iWARP: it has no write_imm", port.device, "use --op write or send");
  if (plan.qps > static_cast<std::uint32_t>(port.limits.max_qp))
    return environment_error("the device has too few QPs", fmt::format("{} has {}", port.device, port.limits.max_qp),
                             "use fewer --qps");
  std::uint64_t largest = std::min<std::uint64_t>(port.state.max_msg_sz, kLargestMessage);
  std::string why = fmt::format("the largest message of {}", port.device);
  if (plan.transport == Transport::kUd) {
    largest = plan.mtu > 0 ? plan.mtu : active;
    why = fmt::format("a UD message is one packet of the MTU of {}", port.device);
  }
  if (largest > 0) cut_sizes(plan.sizes, largest, why, notes);
  const auto most_wr = static_cast<std::uint32_t>(port.limits.max_qp_wr);
  for (const auto& [option, value] : {std::pair("--depth", &plan.depth), std::pair("--receives", &plan.receives)})
    if (*value > most_wr) {
      notes.push_back(fmt::format("{} {} cut to {}: the most of {}", option, *value, most_wr, port.device));
      *value = most_wr;
    }
  const auto most_cqe = static_cast<std::uint64_t>(port.limits.max_cqe) - 64;
  if (std::uint64_t{plan.qps} * plan.depth + receives_in_all(plan) > most_cqe) {
    const auto each = static_cast<std::uint32_t>(most_cqe / plan.qps / (takes_receives(plan.op) ? 3 : 1));
    if (each < 2)
      return environment_error("the CQ is too small for so many QPs", fmt::format("{} entries", most_cqe),
                               "use fewer --qps");
    plan.depth = std::min(plan.depth, each);
    if (takes_receives(plan.op)) plan.receives = std::min(plan.receives, plan.srq ? 2 * each * plan.qps : 2 * each);
    plan.cq_moderation = std::min(plan.cq_moderation, plan.depth);
    plan.post_list = std::min(plan.post_list, plan.depth);
    notes.push_back(fmt::format("--depth cut to {}: a CQ of {} has {} entries", plan.depth, port.device, most_cqe));
  }
  return check(plan);
}

Expected<std::unique_ptr<Connection>> connect_pair(const PairPlan& plan, Port port, Control& control, Side side,
                                                   const MemoryKind& memory) {
  auto c = std::make_unique<Connection>();
  c->port = std::move(port);
  c->context = c->port.context.get();
  if (plan.rdma_cm) {
    const auto context = cm_context(c->port.device);
    if (!context) return tl::unexpected(context.error());
    c->context = *context;
  }
  if (auto done = make_shared(*c, plan, side, memory); !done) return tl::unexpected(done.error());
  if (c->xrcd == nullptr) try_inline(*c, plan);
  auto connected = plan.rdma_cm ? connect_by_cm(*c, plan, control, side) : connect_by_tcp(*c, plan, control);
  if (!connected) return tl::unexpected(connected.error());
  if (plan.transport == Transport::kUd)
    if (auto done = make_paths(*c, plan); !done) return tl::unexpected(done.error());
  if (c->mine.mtu != c->peer.mtu && !c->port.iwarp)
    c->notes.push_back(fmt::format("MTU {}: the smaller of {} here and {} there", std::min(c->mine.mtu, c->peer.mtu),
                                   c->mine.mtu, c->peer.mtu));
  return c;
}

}  // namespace weft::verbs
