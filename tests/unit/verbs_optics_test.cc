// Modules as their standards lay them out, and the kernel's ethtool replies, made by hand.
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>

#include "verbs/ethtool.h"
#include "verbs/optics.h"
#include "verbs/traffic.h"

namespace weft::verbs {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Halves of pages by (I2C address, page, offset).
class Module {
 public:
  explicit Module(std::uint8_t identifier) { set(0x50, 0, 0, identifier); }
  void set(std::uint8_t i2c, std::uint8_t page, std::uint32_t at, std::uint8_t value) {
    Bytes& half = halves_[{i2c, page, at / 128 * 128}];
    half.resize(128);
    half[at % 128] = value;
  }
  void set_word(std::uint8_t i2c, std::uint8_t page, std::uint32_t at, unsigned value) {
    set(i2c, page, at, static_cast<std::uint8_t>(value >> 8U));
    set(i2c, page, at + 1, static_cast<std::uint8_t>(value & 0xffU));
  }
  [[nodiscard]] std::optional<Optics> read() const {
    return read_optics([this](const ModuleRange& range) {
      EXPECT_LE(range.offset % 128 + range.length, 128U);  // the kernel refuses more
      const auto half = halves_.find({range.i2c, range.page, range.offset});
      return half == halves_.end() ? Bytes() : half->second;
    });
  }

 private:
  std::map<std::tuple<std::uint8_t, std::uint8_t, std::uint32_t>, Bytes> halves_;
};

TEST(Optics, SfpByItsDiagnosticPage) {  // SFF-8472
  Module module(0x03);
  module.set(0x50, 0, 92, 0x60);          // monitored, calibrated inside
  module.set_word(0x51, 0, 96, 0x1980);   // 25.5 C
  module.set_word(0x51, 0, 102, 10000);   // 1 mW
  module.set_word(0x51, 0, 104, 5000);    // 0.5 mW
  module.set_word(0x51, 0, 0, 75 * 256);  // alarm
  module.set_word(0x51, 0, 34, 100);      // 0.01 mW
  const auto optics = module.read();
  ASSERT_TRUE(optics.has_value());
  EXPECT_DOUBLE_EQ(*optics->celsius, 25.5);
  EXPECT_DOUBLE_EQ(*optics->highest_celsius, 75);
  EXPECT_NEAR(*weakest_dbm(optics->transmit_mw), 0, 1e-12);
  EXPECT_NEAR(*weakest_dbm(optics->receive_mw), -3.0103, 1e-4);
  EXPECT_NEAR(dbm(*optics->lowest_receive_mw), -20, 1e-9);
}

TEST(Optics, SfpWithoutMonitorsTellsNone) {
  Module module(0x03);
  module.set(0x50, 0, 92, 0);  // a copper cable
  ASSERT_TRUE(module.read().has_value());
  EXPECT_FALSE(module.read()->celsius.has_value());
  EXPECT_TRUE(module.read()->receive_mw.empty());
}

TEST(Optics, QsfpHasFourLanes) {  // SFF-8636
  Module module(0x11);
  module.set_word(0x50, 0, 22, 0xf600);  // -10 C
  for (std::uint32_t lane = 0; lane < 4; ++lane) {
    module.set_word(0x50, 0, 34 + 2 * lane, 1000 * (lane + 1));
    module.set_word(0x50, 0, 50 + 2 * lane, 10000);
  }
  module.set(0x50, 0, 147, 0x40);  // a laser
  module.set(0x50, 0, 220, 0x0c);  // transmit power is measured
  module.set_word(0x50, 3, 128, 70 * 256);
  module.set_word(0x50, 3, 178, 500);
  const auto optics = module.read();
  ASSERT_TRUE(optics.has_value());
  EXPECT_DOUBLE_EQ(*optics->celsius, -10);
  EXPECT_EQ(optics->receive_mw.size(), 4U);
  EXPECT_NEAR(*weakest_dbm(optics->receive_mw), -10, 1e-9);
  EXPECT_NEAR(*optics->lowest_receive_mw, 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(*optics->highest_celsius, 70);
}

TEST(Optics, QsfpOfCopperHasNoLight) {
  Module module(0x11);
  module.set(0x50, 0, 147, 0xa0);
  ASSERT_TRUE(module.read().has_value());
  EXPECT_TRUE(module.read()->receive_mw.empty());
  EXPECT_FALSE(module.read()->lowest_receive_mw.has_value());
}

TEST(Optics, CmisSaysWhatItMonitors) {
  Module module(0x19);
  module.set_word(0x50, 0, 14, 48 * 256);
  module.set(0x50, 0, 88, 0x84);  // eight lanes of the host, four of the fibre
  module.set(0x50, 1, 159, 0x01);
  module.set(0x50, 1, 160, 0x06);
  for (std::uint32_t lane = 0; lane < 8; ++lane) {
    module.set_word(0x50, 0x11, 154 + 2 * lane, 10000);
    module.set_word(0x50, 0x11, 186 + 2 * lane, lane < 4 ? 2000 : 0);
  }
  module.set_word(0x50, 2, 128, 80 * 256);
  module.set_word(0x50, 2, 194, 300);
  const auto optics = module.read();
  ASSERT_TRUE(optics.has_value());
  EXPECT_EQ(optics->receive_mw.size(), 4U);
  EXPECT_NEAR(*weakest_dbm(optics->receive_mw), -6.9897, 1e-4);
  EXPECT_DOUBLE_EQ(*optics->celsius, 48);
  EXPECT_DOUBLE_EQ(*optics->highest_celsius, 80);
  EXPECT_NEAR(*optics->lowest_receive_mw, 0.03, 1e-12);
  const auto values = gauges(optics, "before");
  EXPECT_DOUBLE_EQ(values.at("optic_celsius_before"), 48);
  EXPECT_NEAR(values.at("optic_receive_dbm_before"), -6.9897, 1e-4);
  EXPECT_NEAR(values.at("optic_transmit_dbm_before"), 0, 1e-12);
}

TEST(Optics, CmisCableIsFlat) {
  Module module(0x18);
  module.set(0x50, 0, 2, 0x80);
  ASSERT_TRUE(module.read().has_value());
  EXPECT_FALSE(module.read()->celsius.has_value());
}

TEST(Optics, DarkLaneIsAtTheEndOfTheScale) {
  EXPECT_DOUBLE_EQ(dbm(0), -40);
  EXPECT_NEAR(dbm(1e-4), -40, 1e-9);
}

TEST(Optics, NoModuleOrAnUnknownOneIsNone) {
  EXPECT_FALSE(read_optics([](const ModuleRange&) { return Bytes(); }).has_value());
  EXPECT_FALSE(Module(0x42).read().has_value());
}

RC_GTEST_PROP(Optics, AnyBytesAreRead, ()) {
  const auto seed = *::rc::gen::container<Bytes>(64, ::rc::gen::arbitrary<std::uint8_t>());
  const auto kind = *::rc::gen::element<std::uint8_t>(0x03, 0x0d, 0x11, 0x18, 0x19, 0x1e);
  const auto whole = *::rc::gen::inRange(0, 6);  // so many halves are given whole, the next one cut
  int given = 0;
  const auto optics = read_optics([&](const ModuleRange& range) {
    Bytes half(given++ < whole ? range.length : seed[0] % 129U);
    for (std::size_t i = 0; i < half.size(); ++i) half[i] = seed[(i + range.page) % seed.size()];
    if (range.page == 0 && range.offset == 0 && !half.empty()) half[0] = kind;
    return half;
  });
  if (!optics) return;
  for (const double power : optics->receive_mw) RC_ASSERT(power >= 0 && power <= 6.5535);
}

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

Message reply(std::uint8_t command) {
  Message message(nlmsg_alloc());
  genlmsg_put(message.get(), 0, 1, 21, 0, 0, command, ETHTOOL_GENL_VERSION);
  return message;
}

TEST(EthtoolReply, FecCountsArePortsOrSumsOfLanes) {
  const Message message = reply(ETHTOOL_MSG_FEC_GET_REPLY);
  nlattr* const nest = nla_nest_start(message.get(), ETHTOOL_A_FEC_STATS);
  const std::array<std::uint64_t, 3> of_the_port{12, 5, 7};
  const std::array<std::uint64_t, 3> of_lanes{~std::uint64_t{0}, 3, 4};
  nla_put(message.get(), ETHTOOL_A_FEC_STAT_CORRECTED, sizeof of_the_port, of_the_port.data());
  nla_put(message.get(), ETHTOOL_A_FEC_STAT_UNCORR, sizeof of_lanes, of_lanes.data());
  nla_nest_end(message.get(), nest);
  Counters counters;
  read_fec(nlmsg_hdr(message.get()), counters);
  EXPECT_EQ(counters, (Counters{{"fec_corrected_blocks", 12}, {"fec_uncorrectable_blocks", 7}}));
}

TEST(EthtoolReply, SymbolErrorsOfThePhy) {
  const Message message = reply(ETHTOOL_MSG_STATS_GET_REPLY);
  nlattr* const group = nla_nest_start(message.get(), ETHTOOL_A_STATS_GRP);
  nla_put_u32(message.get(), ETHTOOL_A_STATS_GRP_ID, ETHTOOL_STATS_ETH_PHY);
  nlattr* const stat = nla_nest_start(message.get(), ETHTOOL_A_STATS_GRP_STAT);
  nla_put_u64(message.get(), ETHTOOL_A_STATS_ETH_PHY_5_SYM_ERR, 99);
  nla_nest_end(message.get(), stat);
  nla_nest_end(message.get(), group);
  Counters counters;
  read_statistics(nlmsg_hdr(message.get()), counters);
  EXPECT_EQ(counters, (Counters{{"symbol_errors", 99}}));
}

TEST(EthtoolReply, ModuleBytes) {
  const Message message = reply(ETHTOOL_MSG_MODULE_EEPROM_GET_REPLY);
  const Bytes bytes{1, 2, 3};
  nla_put(message.get(), ETHTOOL_A_MODULE_EEPROM_DATA, static_cast<int>(bytes.size()), bytes.data());
  EXPECT_EQ(read_module_bytes(nlmsg_hdr(message.get())), bytes);
}

TEST(EthtoolReply, EmptyOnesAreHarmless) {
  Counters counters;
  read_fec(nlmsg_hdr(reply(ETHTOOL_MSG_FEC_GET_REPLY).get()), counters);
  read_statistics(nlmsg_hdr(reply(ETHTOOL_MSG_STATS_GET_REPLY).get()), counters);
  EXPECT_TRUE(counters.empty());
  EXPECT_TRUE(read_module_bytes(nlmsg_hdr(reply(ETHTOOL_MSG_MODULE_EEPROM_GET_REPLY).get())).empty());
}

// The running kernel, whatever it has: answers or refuses, at once.
TEST(Ethtool, KernelIsAsked) {
  Ethtool ethtool;
  EXPECT_TRUE(ethtool.counters("no-such-netdev").empty());
  EXPECT_FALSE(ethtool.optics("lo").has_value());
  EXPECT_TRUE(ethtool.counters("a-name-longer-than-any-interface").empty());
}

TEST(Optics, TravelInTheReportOfTheOtherSide) {
  SideReport report;
  report.optics = {{"optic_receive_dbm_after", -3.25}};
  const auto back = side_report_from_json(to_json(report));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->optics, report.optics);
}

}  // namespace
}  // namespace weft::verbs
