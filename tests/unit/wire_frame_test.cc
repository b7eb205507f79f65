// Whole frames: every opcode there and back, what is filled in, and what is refused at which byte.
#include <gtest/gtest.h>

#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::counting;
using testing::from_hex;
using testing::Octets;
using testing::write_only;

Octets built(const FrameHeaders& headers, std::span<const std::uint8_t> payload) {
  const auto frame = build_frame(headers, payload);
  EXPECT_TRUE(frame.has_value()) << frame.error().text();
  return frame.value_or(Octets{});
}

void expect_fault(std::span<const std::uint8_t> frame, WireFault fault, std::size_t offset) {
  const auto parsed = parse_frame(frame);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().fault, fault) << parsed.error().text();
  EXPECT_EQ(parsed.error().offset, offset) << parsed.error().text();
}

TEST(Frame, EveryOpcodeBuildsAndParses) {
  std::mt19937_64 random(1);
  for (const OpcodeInfo& opcode : all_opcodes()) {
    SCOPED_TRACE(opcode.name());
    for (int run = 0; run < 100; ++run) {
      const FrameHeaders headers = testing::random_headers(random, opcode);
      const Octets payload = testing::random_payload(random, opcode, 40);
      const Octets frame = built(headers, payload);
      const auto parsed = parse_frame(frame);
      ASSERT_TRUE(parsed.has_value()) << parsed.error().text();
      EXPECT_EQ(parsed->headers, complete_headers(headers, payload.size()).value());
      EXPECT_EQ(Octets(parsed->payload.begin(), parsed->payload.end()), payload);
      EXPECT_EQ(parsed->layout.opcode, &opcode);
      EXPECT_EQ(parsed->layout.end(), frame.size());
      EXPECT_TRUE(icrc_matches(frame, parsed->layout));
      EXPECT_EQ(parsed->icrc, load_icrc(frame, parsed->layout));
    }
  }
}

TEST(Frame, LengthsPaddingAndChecksumsAreFilledIn) {
  for (std::size_t size = 0; size <= 8; ++size) {
    SCOPED_TRACE(size);
    const Octets frame = built(write_only(), counting(size));
    const auto parsed = parse_frame(frame);
    ASSERT_TRUE(parsed.has_value());
    const std::size_t padded = (size + 3) / 4 * 4;
    EXPECT_EQ(frame.size(), 14 + 20 + 8 + 12 + 16 + padded + 4);
    EXPECT_EQ(parsed->headers.bth.pad_count, padded - size);
    EXPECT_EQ(std::get<Ipv4Header>(parsed->headers.ip).total_length, frame.size() - 14);
    EXPECT_EQ(parsed->headers.udp.length, frame.size() - 34);
    EXPECT_EQ(parsed->headers.udp.checksum, 0);
    EXPECT_EQ(std::get<Ipv4Header>(parsed->headers.ip).checksum,
              ipv4_checksum(std::get<Ipv4Header>(parsed->headers.ip)));
    for (std::size_t i = 0; i < padded - size; ++i) EXPECT_EQ(frame[frame.size() - 5 - i], 0);
  }
}

// oracles: RC WRITE carries MTU bytes with MTU + 82 on the wire, of which 20 are preamble and gap and 4 are the FCS.
TEST(Frame, FirstPacketOfAWriteHas74BytesOfHeaders) {
  EXPECT_EQ(built(write_only(), Octets(4096)).size(), 4096U + 74);
  FrameHeaders middle = write_only();
  middle.bth.opcode = opcode(Transport::kRc, Operation::kWriteMiddle);
  EXPECT_EQ(built(middle, Octets(4096)).size() + 4 + 20, 4096U + 82);
}

TEST(Frame, OuterTagTypeIsKept) {
  FrameHeaders headers = write_only();
  headers.vlan_tags = {{1, false, 10, 0}, {2, false, 20, 0}};
  headers.ethernet.ether_type = kEtherTypeServiceVlan;
  const Octets frame = built(headers, {});
  EXPECT_EQ(Octets(frame.begin() + 12, frame.begin() + 22), from_hex("88a8 200a 8100 4014 0800"));
}

TEST(Frame, WhatCannotBeBuiltSaysWhere) {
  const auto refused = [](const FrameHeaders& headers, std::size_t payload) {
    const auto frame = build_frame(headers, Octets(payload));
    EXPECT_FALSE(frame.has_value());
    return frame.has_value() ? std::string() : frame.error().text();
  };
  FrameHeaders headers = write_only();
  headers.bth.opcode = 0x15;
  EXPECT_EQ(refused(headers, 0), "byte 42, BTH: the opcode is reserved");
  headers = write_only();
  headers.bth.psn = 1 << 24;
  EXPECT_EQ(refused(headers, 0), "byte 42, BTH: a value is wider than its field");
  headers = write_only();
  headers.vlan_tags.resize(3);
  EXPECT_EQ(refused(headers, 0), "byte 20, VLAN tag: more than two VLAN tags");
  headers = write_only();
  headers.bth.opcode = opcode(Transport::kRc, Operation::kReadRequest);
  EXPECT_EQ(refused(headers, 1), "byte 70, payload: payload behind an opcode that has none");
  constexpr std::size_t kMost = 65'535 - 20 - 8 - 12 - 16 - 4;
  headers = write_only();
  EXPECT_EQ(refused(headers, kMost + 1), "byte 70, payload: more payload than IP can carry");
  EXPECT_EQ(built(headers, Octets(kMost - kMost % 4)).size(), 14U + 65'535 - kMost % 4);
}

TEST(Frame, EveryPrefixIsTruncated) {
  FrameHeaders headers = write_only();
  headers.vlan_tags.resize(2);
  const Octets frame = built(headers, counting(6));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const auto parsed = parse_frame(std::span(frame).first(size));
    ASSERT_FALSE(parsed.has_value()) << size;
    EXPECT_EQ(parsed.error().fault, WireFault::kTruncated);
    EXPECT_LE(parsed.error().offset, size);
  }
}

TEST(Frame, EthernetPaddingAndFcsMayFollow) {
  Octets frame = built(write_only(), counting(5));
  const auto before = parse_frame(frame)->headers;
  frame.insert(frame.end(), 10, 0xEE);
  const auto parsed = parse_frame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->headers, before);
  EXPECT_EQ(parsed->layout.end() + 10, frame.size());
  EXPECT_TRUE(icrc_matches(frame, parsed->layout));
}

TEST(Frame, EveryFaultIsFoundAtItsByte) {
  const Octets good = built(write_only(), counting(8));
  const auto garbled = [&](std::size_t at, std::uint8_t value) {
    Octets frame = good;
    frame[at] = value;
    return frame;
  };
  expect_fault(garbled(12, 0x89), WireFault::kNotIp, 12);
  expect_fault(garbled(14, 0x55), WireFault::kIpVersion, 14);
  expect_fault(garbled(14, 0x46), WireFault::kIpOptions, 14);
  expect_fault(garbled(17, 19), WireFault::kIpLength, 16);
  expect_fault(garbled(20, 0x20), WireFault::kFragment, 20);
  expect_fault(garbled(21, 0x01), WireFault::kFragment, 20);
  expect_fault(garbled(23, 6), WireFault::kNotUdp, 23);
  expect_fault(garbled(37, 0xB8), WireFault::kNotRocePort, 36);
  expect_fault(garbled(39, 0xFF), WireFault::kUdpLength, 38);
  expect_fault(garbled(17, 0xFF), WireFault::kUdpLength, 38);
  expect_fault(garbled(42, 0xC0), WireFault::kUnknownOpcode, 42);
  expect_fault(garbled(43, 0x41), WireFault::kTransportVersion, 43);
  expect_fault(garbled(42, 0x0C), WireFault::kUnexpectedPayload, 70);
  // AtomicETH has 28 bytes, a RETH and 8 bytes of payload have 24.
  expect_fault(garbled(42, 0x14), WireFault::kTruncated, 54);
  const Octets empty = built(write_only(), {});
  Octets padded = empty;
  padded[43] = 0x70;
  expect_fault(padded, WireFault::kPadding, 43);
  Octets odd = good;
  odd[17] -= 1;
  odd[39] -= 1;
  expect_fault(odd, WireFault::kUnaligned, 70);
  Octets v6 = garbled(12, 0x86);
  v6[13] = 0xDD;
  expect_fault(v6, WireFault::kIpVersion, 14);
}

TEST(Frame, ErrorsTellTheWayOut) {
  const auto parsed = parse_frame(Octets(20));
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().text(),
            "byte 12, Ethernet header: the EtherType is neither IPv4 (0x0800) nor IPv6 (0x86DD)");
  EXPECT_EQ(parsed.error().to_error().way_out, "RoCEv2 runs over IP");
}

TEST(Cnp, AnswersAMarkedPacket) {
  FrameHeaders marked = write_only();
  std::get<Ipv4Header>(marked.ip).ecn = Ecn::kCe;
  marked.vlan_tags = {{3, false, 100, 0}};
  const Octets frame = built(cnp_for(marked, 0x118, {}), {});
  const auto cnp = parse_frame(frame);
  ASSERT_TRUE(cnp.has_value());
  const auto& ip = std::get<Ipv4Header>(cnp->headers.ip);
  EXPECT_EQ(ip.source, 0x0A000002U);
  EXPECT_EQ(ip.destination, 0x0A000001U);
  EXPECT_EQ(ip.dscp, 48);
  EXPECT_EQ(ip.ecn, Ecn::kNotEct);
  EXPECT_EQ(cnp->headers.ethernet.destination, marked.ethernet.source);
  EXPECT_EQ(cnp->headers.vlan_tags[0].priority, 6);
  EXPECT_TRUE(cnp->headers.bth.becn && !cnp->headers.bth.fecn && !cnp->headers.bth.ack_request);
  EXPECT_EQ(cnp->headers.bth.opcode, 0x81);
  EXPECT_EQ(cnp->headers.bth.dest_qp, 0x118U);
  EXPECT_EQ(cnp->headers.bth.psn, 0U);
  EXPECT_EQ(cnp->headers.extensions.cnp, CnpReserved{});
  EXPECT_EQ(frame.size(), 18U + 20 + 8 + 12 + 16 + 4);
}

TEST(Fields, StandWhereTheHeadersSay) {
  const Octets frame = built(write_only(), counting(8));
  const FrameLayout layout = find_layout(frame).value();
  const auto value = [&](Field field) {
    const auto place = find_field(layout, field);
    std::uint64_t v = 0;
    for (std::uint32_t i = 0; place && i < place->size; ++i) v = v << 8 | frame[place->offset + i];
    return place ? std::optional(v) : std::nullopt;
  };
  EXPECT_EQ(value(Field::kIpv4Identification), 1U);
  EXPECT_EQ(value(Field::kIpv4Source), 0x0A000001U);
  EXPECT_EQ(value(Field::kIpv4Destination), 0x0A000002U);
  EXPECT_EQ(value(Field::kUdpSourcePort), 0xC123U);
  EXPECT_EQ(value(Field::kOpcode), 0x0AU);
  EXPECT_EQ(value(Field::kPKey), 0xFFFFU);
  EXPECT_EQ(value(Field::kDestQp), 0x11U);
  EXPECT_EQ(value(Field::kAckRequestByte), 0x80U);
  EXPECT_EQ(value(Field::kPsn), 1U);
  EXPECT_EQ(value(Field::kRethVirtualAddress), 0x1122334455667788U);
  EXPECT_EQ(value(Field::kRethRkey), 0x1234U);
  EXPECT_EQ(value(Field::kRethDmaLength), 32U);
  EXPECT_EQ(value(Field::kPayloadStart), 0x0001020304050607U);
  for (const Field absent : {Field::kImmediate, Field::kAethSyndrome, Field::kAethMsn, Field::kDethQKey})
    EXPECT_EQ(value(absent), std::nullopt);
}

}  // namespace
}  // namespace weft::wire
