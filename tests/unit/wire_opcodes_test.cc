// The opcode table against what the standard's table says of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/wire.h"

namespace weft::wire {
namespace {

const OpcodeInfo& info(unsigned opcode) {
  const OpcodeInfo* found = find_opcode(static_cast<std::uint8_t>(opcode));
  EXPECT_NE(found, nullptr) << opcode;
  return *found;
}

TEST(Opcodes, EveryTransportHasItsOpcodesAndNoOther) {
  std::set<unsigned> expected{kOpcodeCnp};
  for (unsigned low = 0; low <= 0x17; ++low) {
    if (low != 0x15) expected.insert({0x00 | low, 0xA0 | low});   // RC, XRC
    if (low <= 0x0B) expected.insert(0x20 | low);                 // UC
    if (low <= 0x15) expected.insert(0x40 | low);                 // RD
    if (low == 0x04 || low == 0x05) expected.insert(0x60 | low);  // UD
  }
  for (unsigned opcode = 0; opcode < 256; ++opcode)
    EXPECT_EQ(find_opcode(static_cast<std::uint8_t>(opcode)) != nullptr, expected.contains(opcode)) << opcode;
  EXPECT_EQ(all_opcodes().size(), expected.size());
  EXPECT_TRUE(std::ranges::is_sorted(all_opcodes(), {}, &OpcodeInfo::opcode));
}

TEST(Opcodes, NamesAreThoseOfTheStandard) {
  EXPECT_EQ(info(0x00).name(), "RC SEND_FIRST");
  EXPECT_EQ(info(0x0A).name(), "RC RDMA_WRITE_ONLY");
  EXPECT_EQ(info(0x11).name(), "RC ACKNOWLEDGE");
  EXPECT_EQ(info(0x17).name(), "RC SEND_ONLY_INVALIDATE");
  EXPECT_EQ(info(0x2B).name(), "UC RDMA_WRITE_ONLY_IMM");
  EXPECT_EQ(info(0x55).name(), "RD RESYNC");
  EXPECT_EQ(info(0x64).name(), "UD SEND_ONLY");
  EXPECT_EQ(info(0xAC).name(), "XRC RDMA_READ_REQUEST");
  EXPECT_EQ(info(kOpcodeCnp).name(), "CNP");
  std::set<std::string> names;
  for (const OpcodeInfo& each : all_opcodes()) names.insert(each.name());
  EXPECT_EQ(names.size(), all_opcodes().size());
}

TEST(Opcodes, ExtensionHeadersOfEachClass) {
  const std::pair<unsigned, unsigned> rows[] = {
      {0x00, 0},
      {0x03, kHasImmDt},
      {0x06, kHasReth},
      {0x0B, kHasReth | kHasImmDt},
      {0x0C, kHasReth},
      {0x0D, kHasAeth},
      {0x0E, 0},
      {0x11, kHasAeth},
      {0x12, kHasAeth | kHasAtomicAckEth},
      {0x13, kHasAtomicEth},
      {0x14, kHasAtomicEth},
      {0x16, kHasIeth},
      {0x2A, kHasReth},
      {0x40, kHasRdeth | kHasDeth},
      {0x4B, kHasRdeth | kHasDeth | kHasReth | kHasImmDt},
      {0x4E, kHasRdeth},
      {0x51, kHasRdeth | kHasAeth},
      {0x52, kHasRdeth | kHasAeth | kHasAtomicAckEth},
      {0x55, kHasRdeth | kHasDeth},
      {0x64, kHasDeth},
      {0x65, kHasDeth | kHasImmDt},
      {0x81, kHasCnpReserved},
      {0xA0, kHasXrcEth},
      {0xAB, kHasXrcEth | kHasReth | kHasImmDt},
      {0xB1, kHasAeth},
      {0xB3, kHasXrcEth | kHasAtomicEth},
      {0xB7, kHasXrcEth | kHasIeth},
  };
  for (const auto& [opcode, extensions] : rows) EXPECT_EQ(info(opcode).extensions, extensions) << info(opcode).name();
  EXPECT_EQ(info(0x0B).extension_bytes, 20);
  EXPECT_EQ(info(0x13).extension_bytes, 28);
  EXPECT_EQ(info(0x4B).extension_bytes, 32);
}

TEST(Opcodes, NameSaysWhichPartOfAMessageItIs) {
  for (const OpcodeInfo& each : all_opcodes()) {
    SCOPED_TRACE(each.name());
    const auto named = [&](const char* part) { return each.operation.find(part) != std::string_view::npos; };
    EXPECT_EQ(each.starts, !named("MIDDLE") && !named("LAST"));
    EXPECT_EQ(each.ends, !named("MIDDLE") && !named("FIRST"));
    EXPECT_EQ(each.payload, named("SEND") || named("WRITE") || named("RESPONSE"));
    EXPECT_EQ(each.request, !named("RESPONSE") && !named("ACKNOWLEDGE") && each.opcode != kOpcodeCnp);
    EXPECT_EQ(each.has(kHasImmDt), named("IMM"));
    EXPECT_EQ(each.has(kHasIeth), named("INVALIDATE"));
    EXPECT_EQ(each.has(kHasReth), named("WRITE_FIRST") || named("WRITE_ONLY") || named("READ_REQUEST"));
  }
}

}  // namespace
}  // namespace weft::wire
