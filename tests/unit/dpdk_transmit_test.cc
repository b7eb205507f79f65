#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <map>

#include "dpdk/transmit.h"
#include "tests/support/dpdk.h"
#include "tests/support/wire.h"

namespace weft::dpdk {
namespace {

using wire::testing::Octets;

const Clock& test_clock() {
  static const Clock clock = Clock::calibrate();
  return clock;
}

Port open_ring(std::uint32_t largest_frame = 4300) {
  PortOptions options;
  options.device = "net_ring0";
  options.receive_buffers = 1023;
  options.largest_frame = largest_frame;
  auto port = Port::open(testing::eal(), options);
  EXPECT_TRUE(port) << port.error().text();
  return std::move(*port);
}

// What a looped port gave back, up to `limit` frames.
std::vector<Octets> received(const Port& port, std::size_t limit = 1000) {
  std::vector<Octets> frames;
  rte_mbuf* mbufs[kBurst];
  while (frames.size() < limit) {
    const std::uint16_t count = port.receive(0, mbufs);
    if (count == 0) break;
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto* data = rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*);
      frames.emplace_back(data, data + rte_pktmbuf_pkt_len(mbufs[i]));
    }
    rte_pktmbuf_free_bulk(mbufs, count);
  }
  return frames;
}

// The frame without its stamp, and with the ICRC that this gives.
Octets unstamped(Octets frame) {
  const auto layout = wire::find_layout(frame).value();
  frame.resize(layout.end());
  if (layout.payload_size >= Stamp::kSize) std::memset(&frame[layout.payload], 0, 8);
  wire::store_icrc(frame, layout, wire::icrc(frame, layout));
  return frame;
}

// Sends `packets` and compares each with what the stream says, byte for byte but for the stamp.
void check_stream(const StreamSpec& spec, std::uint32_t packets) {
  const Port port = open_ring();
  const Stream stream = Stream::create(spec).value();
  const auto sender = Transmitter::create(port, stream, test_clock(), {});
  ASSERT_TRUE(sender) << sender.error().text();
  (*sender)->start(ticks());
  std::map<std::uint32_t, std::uint32_t> sent;  // by QP
  for (std::uint32_t seen = 0; seen < packets;) {
    ASSERT_GT((*sender)->step(ticks()), 0U);
    for (Octets& frame : received(port)) {
      const auto layout = wire::find_layout(frame);
      ASSERT_TRUE(layout) << layout.error().text();
      ASSERT_TRUE(wire::icrc_matches(frame, *layout));
      const std::uint32_t qp = wire::parse_frame(frame)->headers.bth.dest_qp - spec.dest_qp;
      const std::uint32_t number = sent[qp]++, each = stream.packets_a_message();
      ASSERT_EQ(unstamped(frame), stream.frame(qp, number % each, number / each)) << "packet " << seen;
      ++seen;
    }
  }
  EXPECT_EQ(sent.size(), std::min(spec.qps, packets));
}

TEST(Transmit, SendsWhatTheStreamSays) {
  StreamSpec spec;
  spec.qps = 7;
  for (const std::int64_t size : {0, 8, 64, 1000, 4096, 10'000}) {
    spec.message = Bytes{size};
    spec.mtu = Bytes{size > 4096 ? 1024 : 4096};
    check_stream(spec, 700);
  }
}

TEST(Transmit, EveryKindAndTransport) {
  using wire::MessageKind;
  using wire::Transport;
  StreamSpec spec;
  spec.qps = 3;
  spec.mtu = Bytes{256};
  const std::pair<Transport, MessageKind> cases[] = {
      {Transport::kRc, MessageKind::kSend},         {Transport::kRc, MessageKind::kSendImm},
      {Transport::kRc, MessageKind::kWrite},        {Transport::kRc, MessageKind::kWriteImm},
      {Transport::kUc, MessageKind::kWrite},        {Transport::kXrc, MessageKind::kWrite},
      {Transport::kRc, MessageKind::kReadResponse}, {Transport::kRc, MessageKind::kSendInvalidate}};
  for (const auto& [transport, kind] : cases) {
    spec.transport = transport, spec.kind = kind, spec.message = Bytes{1001};
    check_stream(spec, 200);
  }
  spec.transport = Transport::kUd, spec.kind = MessageKind::kSend, spec.message = Bytes{200};
  check_stream(spec, 200);
}

TEST(Transmit, PsnWrapsAndVlanIpv6AndSweepHold) {
  StreamSpec spec;
  spec.message = Bytes{512};
  spec.mtu = Bytes{256};
  spec.start_psn = 0xFFFFF0;
  spec.port_policy = SourcePortPolicy::kSweep;
  spec.source_ports = 5;
  spec.qps = 3;
  check_stream(spec, 300);
  spec.vlan = wire::VlanTag{3, false, 100, 0};
  spec.ip = wire::Ipv6Header{};
  check_stream(spec, 300);
}

TEST(Transmit, QpsOfManyHostsHaveTheirAddressesAndChecksums) {
  StreamSpec spec;
  spec.qps = 50;
  spec.message = Bytes{600};
  spec.mtu = Bytes{256};
  for (std::uint32_t qp = 0; qp < spec.qps; ++qp) spec.endpoints.push_back({0x0A000001 + qp * 77, 0x0AFF0001 + qp * 3});
  check_stream(spec, 600);
}

TEST(Transmit, CountEndsTheStream) {
  const Port port = open_ring();
  StreamSpec spec;
  spec.count = 100;
  const Stream stream = Stream::create(spec).value();
  auto sender = Transmitter::create(port, stream, test_clock(), {}).value();
  sender->start(ticks());
  while (!sender->done()) sender->step(ticks());
  EXPECT_EQ(sender->counters().packets, 100U);
  EXPECT_EQ(received(port).size(), 100U);
}

TEST(Transmit, FullQueueIsToldAndNothingIsLost) {
  const Port port = open_ring();
  StreamSpec spec;
  spec.message = Bytes{64};
  const Stream stream = Stream::create(spec).value();
  auto sender = Transmitter::create(port, stream, test_clock(), {}).value();
  sender->start(ticks());
  for (int i = 0; i < 100; ++i) sender->step(ticks());  // the ring holds 1023
  EXPECT_GT(sender->counters().refused, 0U);
  std::uint32_t psn = 0;
  for (int i = 0; i < 50; ++i) {
    for (const Octets& frame : received(port)) ASSERT_EQ(wire::parse_frame(frame)->headers.bth.psn, psn++);
    sender->step(ticks());
  }
  EXPECT_GT(psn, 1024U);
}

TEST(Transmit, MishapsAreCountedAndHappen) {
  const Port port = open_ring();
  StreamSpec spec;
  spec.message = Bytes{64};
  spec.count = 1000;
  Transmitter::Options options;
  options.mishaps = parse_mishaps("drop=100,duplicate=70,reorder=90:5,ce=30,bad_icrc=40").value();
  const Stream stream = Stream::create(spec).value();
  auto sender = Transmitter::create(port, stream, test_clock(), options).value();
  sender->start(ticks());
  while (!sender->done()) sender->step(ticks());
  sender->finish(Duration::us(1000), test_clock());
  const MishapCounts counts = sender->mishap_counts();
  EXPECT_EQ(counts.dropped, 10U);
  std::uint64_t marked = 0, bad = 0, frames = 0;
  for (const Octets& frame : received(port, 2000)) {
    const auto parsed = wire::parse_frame(frame).value();
    const auto& ip = std::get<wire::Ipv4Header>(parsed.headers.ip);
    EXPECT_EQ(ip.checksum, wire::ipv4_checksum(ip));
    marked += ip.ecn == wire::Ecn::kCe ? 1 : 0;
    bad += wire::icrc_matches(frame, parsed.layout) ? 0 : 1;
    ++frames;
  }
  EXPECT_EQ(marked, counts.marked_ce);
  EXPECT_EQ(bad, counts.bad_icrc);
  EXPECT_EQ(frames, 1000 - counts.dropped + counts.duplicated);
}

TEST(Transmit, FaultsAreReadOrRefused) {
  EXPECT_EQ(parse_mishaps("reorder=10:4,drop=3")->reorder_depth, 4U);
  for (const char* text : {"drop", "drop=0", "lose=3", "drop=x", "reorder=3:", "reorder=5:999", "drop=3:4"})
    EXPECT_FALSE(parse_mishaps(text)) << text;
}

}  // namespace
}  // namespace weft::dpdk
