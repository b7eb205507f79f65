// XRC, and RC beside it, over a provider in memory: two hosts of one process with the calls that real ones make.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/support/fake_verbs.h"
#include "verbs/connection.h"
#include "verbs/receiver.h"
#include "verbs/traffic.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Port fake_port(unsigned capabilities) {
  Port port;
  port.context.reset(testing::open_fake_device());
  port.device = "fake0";
  port.limits.device_cap_flags = capabilities;
  port.limits.max_qp = 64;
  port.limits.max_qp_wr = 1024;
  port.limits.max_cqe = 65536;
  port.limits.max_qp_rd_atom = port.limits.max_qp_init_rd_atom = 16;
  port.limits.atomic_cap = IBV_ATOMIC_HCA;
  port.state.active_mtu = IBV_MTU_1024;
  port.state.max_msg_sz = 1U << 30U;
  return port;
}

struct Host {
  std::unique_ptr<Connection> connection;
  RunOutcome outcome;
  std::optional<Error> error;
};

// Both hosts, a thread each. `between` is called when the caller is connected, before traffic.
std::array<Host, 2> run(const PairPlan& asked, const std::function<void(Connection&)>& between = {},
                        const std::function<void(const TrafficPoint&)>& on_second = {}, MemoryKind memory = {}) {
  std::array<Host, 2> hosts;
  int sockets[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const std::atomic<bool> stop = false;
  std::atomic<bool> ended = false;  // after two seconds, where the run has no end
  int seconds = 0;
  const auto one = [&](Side side) -> Expected<void> {
    const bool calls = side == Side::kCaller;
    Host& host = hosts[calls ? 0 : 1];
    Control control(Descriptor{sockets[calls ? 0 : 1]}, Milliseconds(10000), &stop);
    PairPlan plan = asked;
    Port port = fake_port(IBV_DEVICE_XRC);
    std::vector<std::string> notes;
    if (auto fits = fit_plan(plan, port, notes); !fits) return fits;
    auto connected = connect_pair(plan, std::move(port), control, side, calls ? memory : MemoryKind{});
    if (!connected) return tl::unexpected(connected.error());
    host.connection = std::move(*connected);
    if (between && calls) between(*host.connection);
    Session session{*host.connection, plan, control, calls ? ended : stop};
    if (calls && on_second)
      session.on_second = [&](const TrafficPoint& point) {
        on_second(point);
        ended = ++seconds == 2;
      };
    Receiver receiver(*host.connection, plan);
    if (auto posted = receiver.post_all(); !posted) return posted;
    RunSpec spec{plan.sizes[0], plan.iterations, 0};
    spec.sends = calls;
    spec.receives = !calls;
    receiver.start(spec.size);
    if (auto said = control.send({ControlKind::kStart, nlohmann::ordered_json::object()}); !said) return said;
    if (auto heard = control.receive(ControlKind::kStart); !heard) return tl::unexpected(heard.error());
    host.outcome = plan.latency ? run_latency(session, receiver, spec, side) : run_bandwidth(session, receiver, spec);
    host.error = host.outcome.error;
    return {};
  };
  const auto keep = [&](Side side) {
    if (auto done = one(side); !done) hosts[side == Side::kCaller ? 0 : 1].error = done.error();
  };
  std::jthread listener([&] { keep(Side::kListener); });
  keep(Side::kCaller);
  listener.join();
  return hosts;
}

PairPlan plan_of(Transport transport, Op op, std::uint32_t qps) {
  PairPlan plan;
  plan.transport = transport;
  plan.op = op;
  plan.qps = qps;
  plan.sizes = {is_atomic(op) ? 8U : 3000U};
  plan.iterations = 300;
  plan.depth = 16;
  plan.receives = 32;
  plan.inline_size = 64;
  plan.verify = true;
  return plan;
}

class VerbsFake : public ::testing::TestWithParam<std::tuple<Transport, Op, std::uint32_t>> {};

TEST_P(VerbsFake, EveryByteArrivesAndNoCallIsRefused) {
  const auto& [transport, op, qps] = GetParam();
  {
    const auto hosts = run(plan_of(transport, op, qps));
    for (const Host& host : hosts) ASSERT_FALSE(host.error) << host.error->text();
    EXPECT_EQ(hosts[0].outcome.mine.sent, 300U * qps);
    const std::uint64_t checked = hosts[0].outcome.mine.checked + hosts[1].outcome.mine.checked;
    EXPECT_GE(checked, 300U * qps);
    EXPECT_EQ(hosts[0].outcome.mine.corrupt + hosts[1].outcome.mine.corrupt, 0U);
  }
  EXPECT_THAT(testing::take_fake_violations(), IsEmpty());  // closing too
  EXPECT_THAT(testing::fake_qps(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Plans, VerbsFake,
                         ::testing::Combine(::testing::Values(Transport::kRc, Transport::kXrc),
                                            ::testing::Values(Op::kWrite, Op::kWriteImm, Op::kRead, Op::kSend,
                                                              Op::kAtomicCas, Op::kAtomicFadd),
                                            ::testing::Values(1U, 5U)),
                         [](const auto& param) {
                           return fmt::format("{}_{}_{}", to_text(std::get<0>(param.param)),
                                              to_text(std::get<1>(param.param)), std::get<2>(param.param));
                         });

TEST(VerbsXrc, QpsComeInPairsAndOneSrqServesAll) {
  const auto hosts = run(plan_of(Transport::kXrc, Op::kSend, 3));
  for (const Host& host : hosts) ASSERT_FALSE(host.error) << host.error->text();
  const Connection &caller = *hosts[0].connection, &listener = *hosts[1].connection;
  EXPECT_EQ(testing::fake_xrc_domains(), 1U);
  EXPECT_EQ(testing::fake_srqs(IBV_SRQT_XRC), 1U);
  EXPECT_EQ(testing::fake_srqs(IBV_SRQT_BASIC), 0U);
  EXPECT_EQ(caller.srq, nullptr);
  EXPECT_EQ(caller.xrcd, nullptr);
  std::uint32_t number = 0;
  ASSERT_EQ(ibv_get_srq_num(listener.srq.get(), &number), 0);
  EXPECT_NE(number, 0U);
  for (const QpAddress& qp : caller.peer.qps) EXPECT_EQ(qp.srq, number);
  ASSERT_EQ(testing::fake_qps().size(), 6U);
  for (const testing::FakeQpFacts& qp : testing::fake_qps()) {
    const bool sends = std::ranges::any_of(caller.qps, [&](const ibv_qp* q) { return q->qp_num == qp.number; });
    EXPECT_EQ(qp.type, sends ? IBV_QPT_XRC_SEND : IBV_QPT_XRC_RECV);
    EXPECT_EQ(qp.state, IBV_QPS_RTS);
    EXPECT_FALSE(qp.has_receive_queue);
  }
}

TEST(VerbsXrc, WrongSrqNumberEndsTheRun) {
  for (const Op op : {Op::kSend, Op::kWrite, Op::kRead}) {
    const auto hosts = run(plan_of(Transport::kXrc, op, 1), [](Connection& c) { c.peer.qps[0].srq ^= 0x800000U; });
    ASSERT_TRUE(hosts[0].error) << to_text(op);
    EXPECT_EQ(hosts[0].error->code, ErrorCode::kEnvironment);
    EXPECT_THAT(hosts[0].error->text(), HasSubstr("a send on QP"));
    EXPECT_TRUE(hosts[1].error);
  }
}

TEST(VerbsXrc, DeviceWithoutItIsRefused) {
  PairPlan plan = plan_of(Transport::kXrc, Op::kSend, 1);
  std::vector<std::string> notes;
  const auto fits = fit_plan(plan, fake_port(0), notes);
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(fits.error().text(), HasSubstr("the device has no XRC: 'fake0'; use --transport RC"));
}

TEST(VerbsLive, RunWithoutEndTellsOfEachSecond) {
  for (const bool latency : {false, true}) {
    PairPlan plan = plan_of(Transport::kRc, Op::kSend, 1);
    plan.iterations = 0;
    plan.latency = latency;
    plan.verify = false;
    std::vector<TrafficPoint> rows;
    const auto hosts = run(plan, {}, [&](const TrafficPoint& point) { rows.push_back(point); });
    for (const Host& host : hosts) ASSERT_FALSE(host.error) << host.error->text();
    EXPECT_TRUE(hosts[0].outcome.interrupted);
    ASSERT_EQ(rows.size(), 2U);
    std::uint64_t messages = 0;
    for (const TrafficPoint& row : rows) {
      messages += row.messages;
      EXPECT_GE(row.time.seconds(), 0.99);
      EXPECT_NEAR(row.gbits_average, static_cast<double>(row.messages) * 3000 * 8 / row.time.seconds() / 1e9,
                  row.gbits_average * 1e-6);
      ASSERT_TRUE(row.latency);
      EXPECT_GT(row.latency->samples, 0U);
    }
    EXPECT_GT(messages, 0U);
    EXPECT_LE(messages, hosts[0].outcome.mine.sent);
  }
}

TEST(VerbsLive, RunWithAnEndIsSilent) {
  PairPlan plan = plan_of(Transport::kRc, Op::kSend, 1);
  const auto hosts = run(plan, {}, [](const TrafficPoint&) { FAIL(); });
  EXPECT_FALSE(hosts[0].error);
}

constexpr MemoryKind kGpu{MemoryKind::Owner::kCuda, 0};

TEST(VerbsGpuMemory, MessagesComeFromAndGoToIt) {
  for (const Op op : {Op::kSend, Op::kWrite, Op::kRead}) {
    PairPlan plan = plan_of(Transport::kRc, op, 2);
    plan.verify = false;
    plan.inline_size = 0;
    {
      const auto fill_there = [](Connection& c) { std::memset(c.memory.data(), 0x5a, c.memory.size()); };
      const auto hosts = run(plan, op == Op::kRead ? nullptr : std::function<void(Connection&)>(fill_there), {}, kGpu);
      for (const Host& host : hosts) ASSERT_FALSE(host.error) << to_text(op) << host.error->text();
      EXPECT_EQ(hosts[0].outcome.mine.sent, 600U);
      EXPECT_FALSE(hosts[0].connection->memory.mapped());
      const Layout layout(plan, plan.sizes[0]);
      const std::byte arrived = hosts[1].connection->memory.data()[layout.incoming(1, 0)];
      EXPECT_TRUE(op == Op::kRead || arrived == std::byte{0x5a}) << to_text(op);
    }
    EXPECT_THAT(testing::take_fake_violations(), IsEmpty());
  }
}

TEST(VerbsGpuMemory, WhatAProcessorWouldLookAtIsRefused) {
  const auto refused_for = [](const std::function<void(PairPlan&)>& change) {
    PairPlan plan = plan_of(Transport::kRc, Op::kSend, 1);
    plan.verify = false;
    plan.inline_size = 0;
    change(plan);
    const auto hosts = run(plan, {}, {}, kGpu);
    EXPECT_TRUE(hosts[0].error && hosts[0].error->code == ErrorCode::kInput);
    return hosts[0].error ? hosts[0].error->text() : "";
  };
  EXPECT_THAT(refused_for([](PairPlan& plan) { plan.verify = true; }), HasSubstr("cannot see has no --verify"));
  EXPECT_THAT(refused_for([](PairPlan& plan) { plan.latency = true; }), HasSubstr("cannot see has no latency"));
  EXPECT_THAT(refused_for([](PairPlan& plan) { plan.inline_size = 64; }), HasSubstr("cannot see has no --inline"));
}

TEST(VerbsGpuMemory, WhatIsMissingIsNamed) {
  for (const auto& [lacks, text] : {std::pair("none", "no such GPU: 'dmabuf:cuda:0'; this host has none"),
                                    std::pair("nodmabuf", "the GPU's driver exports no dma-bufs"),
                                    std::pair("memory", "cannot allocate GPU memory: out of memory")}) {
    ::setenv("WEFT_FAKE_CUDA", lacks, 1);
    const auto memory = export_memory(kGpu, 4096);
    ::unsetenv("WEFT_FAKE_CUDA");
    ASSERT_FALSE(memory) << lacks;
    EXPECT_THAT(memory.error().text(), HasSubstr(text));
  }
  EXPECT_THAT(export_memory({MemoryKind::Owner::kCuda, 3}, 4096).error().text(),
              HasSubstr("no such GPU: 'dmabuf:cuda:3'"));
}

TEST(VerbsGpuMemory, WordsAreReadAndOthersRefused) {
  EXPECT_EQ(parse_memory_kind("host")->owner, MemoryKind::Owner::kHost);
  EXPECT_EQ(parse_memory_kind("dmabuf:cuda")->device, 0);
  EXPECT_EQ(parse_memory_kind("dmabuf:cuda:7")->device, 7);
  for (const char* wrong : {"", "gpu", "dmabuf", "dmabuf:cuda:", "dmabuf:cuda:x", "dmabuf:cuda:-1", "dmabuf:cuda:1x"})
    EXPECT_THAT(parse_memory_kind(wrong).error().text(), HasSubstr("no such memory")) << wrong;
}

TEST(VerbsFakeItself, RefusesWhatTheKernelWould) {
  {
    const auto hosts = run(plan_of(Transport::kRc, Op::kWrite, 1));
    ibv_qp_attr again{};
    again.qp_state = IBV_QPS_RTS;
    EXPECT_NE(ibv_modify_qp(hosts[0].connection->qps[0], &again, IBV_QP_STATE), 0);
    ibv_pd* const used = hosts[0].connection->pd.get();
    EXPECT_EQ(ibv_dealloc_pd(used), EBUSY);
  }
  EXPECT_EQ(testing::take_fake_violations().size(), 2U);
}

}  // namespace
}  // namespace weft::verbs
