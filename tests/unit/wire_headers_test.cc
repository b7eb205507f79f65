// Headers bit by bit against the standards' figures, and all of them there and back.
#include <gtest/gtest.h>

#include "fabric/wire/pause.h"
#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::from_hex;
using testing::Octets;

template <typename Header>
Octets wire_of(const Header& header) {
  Octets out;
  append(out, header);
  return out;
}

TEST(WireHeaders, BthFieldsStandWhereTheFigureHasThem) {
  Bth bth;
  bth.opcode = 0x0A;
  bth.solicited_event = true;
  bth.migrated = false;
  bth.pad_count = 3;
  bth.p_key = 0x8001;
  bth.fecn = true;
  bth.becn = false;
  bth.dest_qp = 0xABCDEF;
  bth.ack_request = true;
  bth.psn = 0x123456;
  EXPECT_EQ(wire_of(bth), from_hex("0a b0 8001 80 abcdef 80 123456"));
  bth = decode<Bth>(from_hex("81 40 ffff 7f 000118 ff ffffff"));
  EXPECT_TRUE(!bth.fecn && bth.becn && bth.migrated && bth.ack_request);
  EXPECT_EQ(bth.reserved6, 0x3F);
  EXPECT_EQ(bth.reserved7, 0x7F);
  EXPECT_EQ(bth.dest_qp, 0x118U);
}

TEST(WireHeaders, ExtensionsStandWhereTheFiguresHaveThem) {
  EXPECT_EQ(wire_of(Reth{0x1122334455667788, 0x1234, 32}), from_hex("1122334455667788 00001234 00000020"));
  EXPECT_EQ(wire_of(Aeth{false, AckKind::kAck, 6, 1}), from_hex("06 000001"));
  EXPECT_EQ(wire_of(Aeth{false, AckKind::kRnrNak, 14, 2}), from_hex("2e 000002"));
  EXPECT_EQ(wire_of(Aeth{false, AckKind::kNak, std::uint8_t(NakCode::kRemoteAccessError), 3}), from_hex("62 000003"));
  EXPECT_EQ(wire_of(Deth{0x80010000, 0, 0x11}), from_hex("80010000 00 000011"));
  EXPECT_EQ(wire_of(AtomicEth{1, 2, 3, 4}), from_hex("0000000000000001 00000002 0000000000000003 0000000000000004"));
  EXPECT_EQ(wire_of(AtomicAckEth{5}), from_hex("0000000000000005"));
  EXPECT_EQ(wire_of(ImmDt{0xDEADBEEF}), from_hex("deadbeef"));
  EXPECT_EQ(wire_of(Ieth{0xCAFEBABE}), from_hex("cafebabe"));
  EXPECT_EQ(wire_of(XrcEth{0, 7}), from_hex("00 000007"));
  EXPECT_EQ(wire_of(Rdeth{0, 9}), from_hex("00 000009"));
  EXPECT_EQ(wire_of(CnpReserved{}), Octets(16));
}

TEST(WireHeaders, IpAndVlanStandWhereTheFiguresHaveThem) {
  EXPECT_EQ(wire_of(VlanTag{3, true, 0x123, kEtherTypeIpv4}), from_hex("7123 0800"));
  Ipv6Header ip;
  ip.dscp = 26;
  ip.ecn = Ecn::kCe;
  ip.flow_label = 0xABCDE;
  ip.payload_length = 44;
  EXPECT_EQ(wire_of(ip), from_hex("66babcde 002c 11 40 " + std::string(64, '0')));
}

// RFC 1071 on the captured CNP of wire_icrc_test.cc.
TEST(WireHeaders, Ipv4Checksum) {
  const auto ip = decode<Ipv4Header>(from_hex("45c2003c718c4000401191610a0011010a001201"));
  EXPECT_EQ(ip.dscp, 48);
  EXPECT_EQ(ip.ecn, Ecn::kEct0);
  EXPECT_EQ(ipv4_checksum(ip), 0x9161);
}

// rdma-core's function; the vectors of oracles: RoCEv2.
TEST(WireHeaders, UdpSourcePorts) {
  static_assert(udp_source_port_from_flow_label(0x12345) == 58177);
  static_assert(udp_source_port_from_flow_label(0xFFFFF) == 65472);
  static_assert(udp_source_port(0x11, 0x12) == 49458);
  static_assert(udp_source_port(0xABCDEF, 0x123456) == 50120);
  EXPECT_EQ(udp_source_port(0x12, 0x11), 49458);
}

TEST(WireHeaders, ValuesWiderThanTheirFieldDoNotFit) {
  Bth bth;
  EXPECT_TRUE(fits(bth));
  bth.psn = kMask24;
  EXPECT_TRUE(fits(bth));
  bth.psn = kMask24 + 1;
  EXPECT_FALSE(fits(bth));
  EXPECT_FALSE(fits(VlanTag{8, false, 0, 0}));
  EXPECT_FALSE(fits(VlanTag{0, false, 4096, 0}));
}

template <typename Header>
class EveryHeader : public ::testing::Test {};
using AllHeaders =
    ::testing::Types<EthernetHeader, VlanTag, Ipv4Header, Ipv6Header, UdpHeader, Bth, Rdeth, Deth, XrcEth, Reth,
                     AtomicEth, Aeth, AtomicAckEth, ImmDt, Ieth, CnpReserved, PfcPause, GlobalPause>;
TYPED_TEST_SUITE(EveryHeader, AllHeaders);

TYPED_TEST(EveryHeader, RoundTripsAnyValuesAndAnyBytes) {
  std::mt19937_64 random(TypeParam::kSize);
  for (int run = 0; run < 2000; ++run) {
    const auto header = testing::random_header<TypeParam>(random);
    EXPECT_TRUE(fits(header));
    const Octets wire = wire_of(header);
    ASSERT_EQ(wire.size(), TypeParam::kSize);
    ASSERT_EQ(decode<TypeParam>(wire), header);
    Octets bytes(TypeParam::kSize);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    ASSERT_EQ(wire_of(decode<TypeParam>(bytes)), bytes);
  }
}

}  // namespace
}  // namespace weft::wire
