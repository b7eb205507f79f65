#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dpdk/stream.h"
#include "tests/support/wire.h"

namespace weft::dpdk {
namespace {

using ::testing::HasSubstr;

StreamSpec writes(std::int64_t message, std::int64_t mtu) {
  StreamSpec spec;
  spec.message = Bytes{message};
  spec.mtu = Bytes{mtu};
  return spec;
}

// IBTA volume 1, 9.7.2: a WRITE of three packets is FIRST, MIDDLE, LAST with PSNs in sequence; only FIRST has a RETH,
// whose length is the message's; only LAST asks for an ACK.
TEST(Stream, SegmentsWritesAsTheStandardSays) {
  const Stream stream = Stream::create(writes(2500, 1024)).value();
  ASSERT_EQ(stream.packets_a_message(), 3U);
  const char* const names[] = {"RDMA_WRITE_FIRST", "RDMA_WRITE_MIDDLE", "RDMA_WRITE_LAST"};
  const std::size_t sizes[] = {1024, 1024, 452};
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto frame = stream.frame(0, i, 7);
    const auto parsed = wire::parse_frame(frame).value();
    EXPECT_EQ(parsed.layout.opcode->operation, names[i]);
    EXPECT_EQ(parsed.payload.size(), sizes[i]);
    EXPECT_EQ(parsed.headers.bth.psn, 7 * 3 + i);
    EXPECT_EQ(parsed.headers.bth.ack_request, i == 2);
    EXPECT_TRUE(wire::icrc_matches(frame, parsed.layout));
    if (i > 0) continue;
    EXPECT_EQ(parsed.headers.extensions.reth.dma_length, 2500U);
    EXPECT_EQ(parsed.headers.extensions.reth.virtual_address, stream.spec().virtual_address + 7 * 2500);
  }
}

TEST(Stream, ShortMessageIsOnePacket) {
  const Stream stream = Stream::create(writes(64, 4096)).value();
  EXPECT_EQ(stream.packets_a_message(), 1U);
  EXPECT_EQ(stream.shapes().size(), 1U);
  EXPECT_EQ(stream.shapes()[0].layout.opcode->operation, "RDMA_WRITE_ONLY");
  // 14 Ethernet, 20 IPv4, 8 UDP, 12 BTH, 16 RETH, 64 payload, 4 ICRC; and 24 on the wire.
  EXPECT_EQ(stream.shapes()[0].frame.size(), 138U);
  EXPECT_EQ(stream.wire_bytes(), 162.0);
}

TEST(Stream, SourcePortOfEachQpIsRdmaCores) {
  StreamSpec spec = writes(64, 1024);
  spec.qps = 100;
  spec.dest_qp = 0x12345;
  spec.source_qp = 0x678;
  const Stream stream = Stream::create(spec).value();
  for (std::uint32_t qp = 0; qp < spec.qps; ++qp) {
    // rdma-core, librdmacm and providers: ibv_flow_label_to_udp_sport(rdma_calc_flow_label(lqpn, rqpn)).
    std::uint64_t v = std::uint64_t{spec.source_qp + qp} * (spec.dest_qp + qp);
    v ^= v >> 20;
    v ^= v >> 40;
    const auto label = static_cast<std::uint32_t>(v & 0xFFFFF);
    EXPECT_EQ(stream.source_port(qp), ((label & 0x3FFF) ^ ((label & 0xFC000) >> 14)) | 0xC000);
    EXPECT_EQ(wire::parse_frame(stream.frame(qp, 0, 0))->headers.udp.source_port, stream.source_port(qp));
  }
}

TEST(Stream, EveryOpcodeMakesAFrame) {
  for (const wire::OpcodeInfo& info : wire::all_opcodes()) {
    StreamSpec spec = writes(256, 1024);
    spec.opcode = info.opcode;
    const auto stream = Stream::create(spec);
    ASSERT_TRUE(stream) << info.name() << ": " << stream.error().text();
    const auto parsed = wire::parse_frame(stream->frame(0, 0, 0));
    ASSERT_TRUE(parsed) << info.name();
    EXPECT_EQ(parsed->payload.size(), info.payload ? 256U : 0U);
  }
}

TEST(Stream, RefusesWhatCannotBe) {
  const auto refusal = [](auto change) {
    StreamSpec spec;
    change(spec);
    const auto stream = Stream::create(spec);
    return stream ? std::string("accepted") : stream.error().text();
  };
  EXPECT_THAT(refusal([](auto& s) { s.mtu = Bytes{1500}; }), HasSubstr("256, 512, 1024, 2048 or 4096"));
  EXPECT_THAT(refusal([](auto& s) { s.qps = 0; }), HasSubstr("no number of QPs"));
  EXPECT_THAT(refusal([](auto& s) { s.dest_qp = 0xFFFFFF, s.qps = 2; }), HasSubstr("beyond 24 bits"));
  EXPECT_THAT(refusal([](auto& s) { s.start_psn = 1U << 24; }), HasSubstr("a PSN beyond 24 bits"));
  EXPECT_THAT(refusal([](auto& s) { s.opcode = 0xC0; }), HasSubstr("no RoCEv2 opcode: '0xc0'"));
  EXPECT_THAT(refusal([](auto& s) { s.transport = wire::Transport::kUd; }), HasSubstr("no such message"));
  EXPECT_THAT(refusal([](auto& s) { s.endpoints.resize(3); }), HasSubstr("one IPv4 pair for each QP"));
  EXPECT_THAT(refusal([](auto& s) { s.rate.burst = 0; }), HasSubstr("a burst of no packets"));
  EXPECT_THAT(
      refusal([](auto& s) { s.port_policy = SourcePortPolicy::kSweep, s.source_port = 65'000, s.source_ports = 1000; }),
      HasSubstr("UDP source ports beyond 65535"));
}

}  // namespace
}  // namespace weft::dpdk
