// Spread over next hops against published tables, ICMP errors byte by byte, and traces through a network made up here.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <functional>
#include <random>

#include "dpdk/cable.h"
#include "dpdk/checks/icmp.h"
#include "dpdk/checks/path_trace.h"
#include "dpdk/checks/spread.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {
namespace {

// Critical values of chi-square as every table has them (NIST/SEMATECH e-Handbook, 1.3.6.7.4).
TEST(Spread, ChiSquareTailIsTheTables) {
  EXPECT_NEAR(chi_square_tail(3.841, 1), 0.05, 1e-4);
  EXPECT_NEAR(chi_square_tail(7.815, 3), 0.05, 1e-4);
  EXPECT_NEAR(chi_square_tail(16.266, 3), 0.001, 1e-5);
  EXPECT_NEAR(chi_square_tail(18.307, 10), 0.05, 1e-4);
  EXPECT_NEAR(chi_square_tail(124.342, 100), 0.05, 1e-4);
  EXPECT_NEAR(chi_square_tail(61.918, 100), 1 - 0.001, 2e-5);
  EXPECT_EQ(chi_square_tail(0, 3), 1);
  EXPECT_NEAR(chi_square_tail(2 * std::log(1e6), 2), 1e-6, 1e-12);  // two degrees: exp(-x/2)
}

TEST(Spread, ByHand) {
  const std::vector<std::uint64_t> counts{4, 2, 2, 0};
  const Spread s = spread_of(counts);
  EXPECT_EQ(s.flows, 8U);
  EXPECT_EQ(s.used, 3U);
  EXPECT_DOUBLE_EQ(s.jain, 64.0 / (4 * 24));
  EXPECT_DOUBLE_EQ(s.max_mean, 2);
  EXPECT_DOUBLE_EQ(s.chi_square, (4 + 0 + 0 + 4) / 2.0);
  EXPECT_FALSE(s.polarized);  // three of four by chance: 8 flows leave one idle now and then
}

TEST(Spread, AllOnOnePathIsPolarizedWhenChanceCannotBeTheReason) {
  const std::vector<std::uint64_t> all_on_one{64, 0, 0, 0};
  EXPECT_TRUE(spread_of(all_on_one).polarized);
  EXPECT_DOUBLE_EQ(spread_of(all_on_one).jain, 0.25);
  const std::vector<std::uint64_t> few{3, 0, 0, 0};
  EXPECT_FALSE(spread_of(few).polarized);
  EXPECT_NEAR(idle_chance(64, 4, 1), 4 * std::pow(0.75, 64), 1e-12);
}

// A real hash is even: p is uniform, so about one in a thousand seeds falls below 0.001.
TEST(Spread, EvenHashSeldomFails) {
  int failed = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::uint64_t> counts(8);
    for (int i = 0; i < 1000; ++i) ++counts[random() % 8];
    failed += spread_of(counts).even() ? 0 : 1;
  }
  EXPECT_LE(failed, 8);
}

TEST(Spread, UnevenHashFails) {
  const std::vector<std::uint64_t> counts{160, 120, 120, 112};
  EXPECT_NEAR(spread_of(counts).chi_square, 11.0, 1e-9);
  const std::vector<std::uint64_t> worse{200, 110, 101, 101};
  EXPECT_FALSE(spread_of(worse).even());
}

using Frame = std::vector<std::uint8_t>;

// What a router answers when the TTL ends: ICMP 11/0 with the packet's IP header and 8 bytes more (RFC 792).
Frame time_exceeded(const Frame& probe, std::uint32_t router, std::uint8_t kind = 11) {
  wire::EthernetHeader ethernet = wire::decode<wire::EthernetHeader>(probe);
  std::swap(ethernet.source, ethernet.destination);
  const auto quoted = std::span(probe).subspan(wire::EthernetHeader::kSize, wire::Ipv4Header::kSize + 8);
  auto ip = wire::decode<wire::Ipv4Header>(quoted);
  ip.destination = ip.source;
  ip.source = router;
  ip.protocol = 1;
  ip.total_length = static_cast<std::uint16_t>(wire::Ipv4Header::kSize + 8 + quoted.size());
  ip.checksum = wire::ipv4_checksum(ip);
  Frame frame;
  wire::append(frame, ethernet);
  wire::append(frame, ip);
  const std::size_t icmp = frame.size();
  frame.insert(frame.end(), {kind, 0, 0, 0, 0, 0, 0, 0});
  frame.insert(frame.end(), quoted.begin(), quoted.end());
  const std::uint16_t sum = internet_checksum(std::span(frame).subspan(icmp));
  frame[icmp + 2] = static_cast<std::uint8_t>(sum >> 8);
  frame[icmp + 3] = static_cast<std::uint8_t>(sum);
  return frame;
}

// What a router answers over IPv6: as much of the packet as fits in 1,280 bytes (RFC 4443, section 3.3).
TEST(Icmp, ErrorsOfIpv6AreRead) {
  wire::FrameHeaders probe;
  wire::Ipv6Header ip;
  ip.source[15] = 1;
  ip.destination[15] = 2;
  probe.ip = ip;
  probe.udp.source_port = 50'000;
  probe.bth.opcode = 0x24;
  probe.bth.psn = 7;
  const Frame sent = wire::build_frame(probe, Frame(16)).value();
  const auto answer = [&](std::uint8_t kind, std::uint8_t code, std::size_t quoted) {
    Frame frame;
    wire::EthernetHeader ethernet;
    ethernet.ether_type = wire::kEtherTypeIpv6;
    wire::append(frame, ethernet);
    wire::Ipv6Header outer;
    outer.source[15] = 9;
    outer.next_header = 58;
    wire::append(frame, outer);
    frame.insert(frame.end(), {kind, code, 0, 0, 0, 0, 0, 0});
    frame.insert(frame.end(), sent.begin() + 14, sent.begin() + 14 + static_cast<std::ptrdiff_t>(quoted));
    return parse_icmp_error(frame);
  };
  const auto exceeded = answer(3, 0, sent.size() - 14);
  ASSERT_TRUE(exceeded);
  EXPECT_EQ(address_text(exceeded->from), "::9");
  EXPECT_EQ(address_text(exceeded->destination), "::2");
  EXPECT_EQ(exceeded->kind, IcmpKind::kTimeExceeded);
  EXPECT_EQ((std::tuple(exceeded->psn, exceeded->source_port, exceeded->destination_port)),
            (std::tuple(7U, 50'000, 4791)));
  EXPECT_TRUE(is_port_unreachable(*answer(1, 4, 60)));
  EXPECT_FALSE(is_port_unreachable(*answer(1, 0, 60)));
  EXPECT_EQ(answer(1, 4, 48)->psn, 0U);  // no BTH is quoted
  EXPECT_FALSE(answer(1, 4, 47));
  EXPECT_FALSE(answer(128, 0, 60));  // an echo request
}

// A network of frames: `router(source_port, ttl)` says who answers; 0: nobody.
class FakeNetwork {
 public:
  using Router = std::function<std::uint32_t(std::uint16_t, std::uint8_t)>;
  explicit FakeNetwork(Router router) : router_(std::move(router)) {
    cable_.on_way_right([this](std::uint64_t, std::span<std::uint8_t> frame) {
      const auto parsed = wire::parse_frame(frame);
      EXPECT_TRUE(parsed && wire::icrc_matches(frame, parsed->layout));
      const auto ip = std::get<wire::Ipv4Header>(parsed->headers.ip);
      const std::uint32_t who = router_(parsed->headers.udp.source_port, ip.ttl);
      const std::uint8_t kind = who == ip.destination ? 3 : 11;
      if (who != 0) {
        EXPECT_TRUE(cable_.right().send(time_exceeded(Frame(frame.begin(), frame.end()), who, kind)));
      }
      return Passage{true, 1, 0, false};
    });
  }
  [[nodiscard]] TraceResult trace(TraceOptions options) {
    const auto prober = make_frame_prober(cable_.left(), {{}, 0x0A000001, kDestination, 26});
    options.wait = Duration::us(20'000);
    options.probes_per_second = 1e6;
    const std::atomic<bool> stop{false};
    return *trace_paths(*prober, options, stop);
  }
  static constexpr std::uint32_t kDestination = 0x0A000902;

 private:
  Cable cable_;
  Router router_;
};

TEST(Icmp, ErrorNamesTheProbe) {
  wire::FrameHeaders headers;
  wire::Ipv4Header ip;
  ip.source = 1;
  ip.destination = 2;
  ip.identification = 9;
  headers.ip = ip;
  headers.udp.source_port = 0xC123;
  headers.bth.opcode = 0x04;
  const Frame probe = *wire::build_frame(headers, {});
  const Frame answer = time_exceeded(probe, 0x0A000101);
  const auto error = parse_icmp_error(answer);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->from, 0x0A000101U);
  EXPECT_EQ(error->identification, 9);
  EXPECT_EQ(error->source_port, 0xC123);
  EXPECT_EQ(error->destination_port, 4791);
  EXPECT_EQ(error->kind, IcmpKind::kTimeExceeded);
  EXPECT_FALSE(parse_icmp_error(probe).has_value());
  for (std::size_t size = 0; size < answer.size(); ++size)
    EXPECT_FALSE(
        parse_icmp_error(Frame(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size))).has_value());
}

// RFC 1071, section 3: its own example.
TEST(Icmp, ChecksumOfTheRfc) {
  const std::array<std::uint8_t, 8> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(bytes), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Trace, EachPortHasItsPath) {
  FakeNetwork network([](std::uint16_t port, std::uint8_t ttl) -> std::uint32_t {
    if (ttl == 1) return 0x0A000101;
    if (ttl == 2) return 0x0A000200U + port % 4;
    return FakeNetwork::kDestination;
  });
  TraceOptions options;
  options.source_ports = {0xC000, 0xC001, 0xC002, 0xC003, 0xC004};
  const TraceResult result = network.trace(options);
  ASSERT_EQ(result.paths.size(), 5U);
  for (const TracedPath& path : result.paths)
    EXPECT_EQ(path, (TracedPath{path.source_port,
                                {0x0A000101, 0x0A000200U + path.source_port % 4, FakeNetwork::kDestination},
                                true}));
  EXPECT_EQ(result.probes, 15U);
  const HopSpread spread = spread_at(result, 1, 0);
  ASSERT_EQ(spread.next_hops.size(), 4U);
  EXPECT_EQ(spread.next_hops[0], (std::pair<Address, std::uint64_t>{0x0A000200, 2}));
}

TEST(Trace, SilentHopsAreAskedAgainAndEndIt) {
  FakeNetwork network([](std::uint16_t, std::uint8_t ttl) { return ttl == 1 ? 0x0A000101U : 0U; });
  TraceOptions options;
  options.source_ports = {0xC000};
  options.attempts = 3;
  const TraceResult result = network.trace(options);
  EXPECT_EQ(result.paths[0].hops, (std::vector<Address>{0x0A000101, 0, 0}));
  EXPECT_FALSE(result.paths[0].reached);
  EXPECT_EQ(result.probes, 1U + 3 + 3);
}

TEST(Trace, LostAnswerIsNoLostHop) {
  int asked = 0;
  FakeNetwork network([&](std::uint16_t, std::uint8_t ttl) -> std::uint32_t {
    return ttl == 1 && ++asked == 1 ? 0 : ttl == 1 ? 0x0A000101U : FakeNetwork::kDestination;
  });
  TraceOptions options;
  options.source_ports = {0xC000};
  EXPECT_EQ(network.trace(options).paths[0].hops, (std::vector<Address>{0x0A000101, FakeNetwork::kDestination}));
}

TEST(Trace, HashThatIgnoresPortsIsPolarized) {
  FakeNetwork network(
      [](std::uint16_t, std::uint8_t ttl) { return ttl == 1 ? 0x0A000101U : FakeNetwork::kDestination; });
  TraceOptions options;
  for (std::uint16_t i = 0; i < 64; ++i) options.source_ports.push_back(static_cast<std::uint16_t>(0xC000 + i));
  options.last_hop = 1;
  const TraceResult result = network.trace(options);
  EXPECT_TRUE(spread_at(result, 0, 4).spread.polarized);
  EXPECT_FALSE(spread_at(result, 0, 0).spread.polarized);  // one next hop is all that there is, for all we know
}

// A router that knows no way is no destination, whatever ICMP it sends.
TEST(Trace, DestinationIsNoNextHop) {
  FakeNetwork network(
      [](std::uint16_t, std::uint8_t ttl) { return ttl == 1 ? 0x0A000101U : FakeNetwork::kDestination; });
  TraceOptions options;
  options.source_ports = {0xC000, 0xC001};
  const TraceResult result = network.trace(options);
  EXPECT_EQ(spread_at(result, 1, 0).arrived, 2U);
  EXPECT_EQ(spread_at(result, 1, 0).spread.flows, 0U);
  EXPECT_FALSE(is_port_unreachable({1, IcmpKind::kUnreachable, 0, 2, 0, 0, 0}));
  EXPECT_TRUE(is_port_unreachable({1, IcmpKind::kUnreachable, 3, 2, 0, 0, 0}));
}

TEST(Trace, AddressesAreReadAndWritten) {
  EXPECT_EQ(address_text(0xC0000201), "192.0.2.1");
  EXPECT_EQ(*parse_address("192.0.2.1"), Address(0xC0000201U));
  EXPECT_EQ(address_text(*parse_address("2001:db8:0::1")), "2001:db8::1");
  EXPECT_TRUE(parse_address("::ffff:192.0.2.1")->is_v4());
  for (const char* text : {"192.0.2.256", "2001:db8", "0.0.0.0", "::", ""}) EXPECT_FALSE(parse_address(text)) << text;
}

}  // namespace
}  // namespace weft::dpdk
