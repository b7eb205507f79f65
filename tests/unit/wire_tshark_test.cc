// Another dissector's word: tshark reads every frame that weft crafts, and shows the values that went in.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fabric/wire/pause.h"
#include "fabric/wire/pcap.h"
#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::Octets;
using Row = std::vector<std::string>;

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) out += buffer.data();
  return out;
}

bool has_tshark() { return !output_of("command -v tshark 2>/dev/null").empty(); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// One row a frame: what tshark has for each of the fields, empty where the frame has none.
std::vector<Row> dissect(const std::vector<Octets>& frames, const std::vector<std::string>& fields) {
  const std::string path =
      ::testing::TempDir() + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_wire.pcap";
  {
    std::ofstream file(path, std::ios::binary);
    auto writer = PcapWriter::create(file, {}).value();
    for (std::size_t i = 0; i < frames.size(); ++i)
      EXPECT_TRUE(writer.write(Time{Duration::us(static_cast<std::int64_t>(i))}, frames[i]).value());
  }
  std::string command =
      "tshark -n -r '" + path + "' -o ip.check_checksum:TRUE -T fields -E separator='|' -E occurrence=f";
  for (const std::string& field : fields) command += " -e " + field;
  std::vector<Row> rows;
  for (const std::string& line : split(output_of(command + " 2>/dev/null"), '\n'))
    if (!line.empty()) rows.push_back(split(line, '|'));
  std::remove(path.c_str());
  EXPECT_EQ(rows.size(), frames.size());
  rows.resize(frames.size(), Row(fields.size()));
  return rows;
}

using Value = std::optional<std::uint64_t>;

Value number(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "True" || text == "False") return text == "True" ? 1 : 0;
  return std::strtoull(text.c_str(), nullptr, 0);
}

struct Expectation {
  const char* field;
  std::function<Value(const FrameHeaders&, const OpcodeInfo&)> value;
};

template <typename Get>
Expectation always(const char* field, Get get) {
  return {field,
          [get](const FrameHeaders& h, const OpcodeInfo&) -> Value { return static_cast<std::uint64_t>(get(h)); }};
}
template <typename Get>
Expectation where(ExtensionBit extension, const char* field, Get get) {
  return {field, [extension, get](const FrameHeaders& h, const OpcodeInfo& opcode) -> Value {
            if (!opcode.has(extension)) return std::nullopt;
            return static_cast<std::uint64_t>(get(h.extensions));
          }};
}

using H = const FrameHeaders&;
using E = const Extensions&;

template <typename Ip, typename Get>
Expectation over(const char* field, Get get) {
  return {field, [get](H h, const OpcodeInfo&) -> Value {
            const Ip* ip = std::get_if<Ip>(&h.ip);
            return ip == nullptr ? std::nullopt : Value(static_cast<std::uint64_t>(get(*ip)));
          }};
}

std::vector<Expectation> network_fields() {
  return {
      {"vlan.priority",
       [](H h, const OpcodeInfo&) { return h.vlan_tags.empty() ? Value() : Value(h.vlan_tags.front().priority); }},
      {"vlan.id",
       [](H h, const OpcodeInfo&) { return h.vlan_tags.empty() ? Value() : Value(h.vlan_tags.front().vlan_id); }},
      over<Ipv4Header>("ip.dsfield.dscp", [](const Ipv4Header& ip) { return ip.dscp; }),
      over<Ipv4Header>("ip.dsfield.ecn", [](const Ipv4Header& ip) { return ip.ecn; }),
      over<Ipv4Header>("ip.ttl", [](const Ipv4Header& ip) { return ip.ttl; }),
      over<Ipv4Header>("ip.id", [](const Ipv4Header& ip) { return ip.identification; }),
      over<Ipv4Header>("ip.checksum.status", [](const Ipv4Header&) { return 1; }),  // good
      over<Ipv6Header>("ipv6.tclass.dscp", [](const Ipv6Header& ip) { return ip.dscp; }),
      over<Ipv6Header>("ipv6.tclass.ecn", [](const Ipv6Header& ip) { return ip.ecn; }),
      over<Ipv6Header>("ipv6.flow", [](const Ipv6Header& ip) { return ip.flow_label; }),
      over<Ipv6Header>("ipv6.hlim", [](const Ipv6Header& ip) { return ip.hop_limit; }),
      always("udp.srcport", [](H h) { return h.udp.source_port; }),
      always("udp.dstport", [](H) { return 4791; }),
  };
}

std::vector<Expectation> bth_fields() {
  return {
      always("infiniband.bth.opcode", [](H h) { return h.bth.opcode; }),
      always("infiniband.bth.se", [](H h) { return h.bth.solicited_event; }),
      always("infiniband.bth.m", [](H h) { return h.bth.migrated; }),
      always("infiniband.bth.padcnt", [](H h) { return h.bth.pad_count; }),
      always("infiniband.bth.tver", [](H) { return 0; }),
      always("infiniband.bth.p_key", [](H h) { return h.bth.p_key; }),
      always("infiniband.bth.destqp", [](H h) { return h.bth.dest_qp; }),
      always("infiniband.bth.a", [](H h) { return h.bth.ack_request; }),
      always("infiniband.bth.reserved7", [](H h) { return h.bth.reserved7; }),
      always("infiniband.bth.psn", [](H h) { return h.bth.psn; }),
  };
}

// tshark shows address and key of an AtomicETH as those of a RETH.
template <typename Get>
Expectation reth_or_atomic(const char* field, Get get) {
  return {field, [get](H h, const OpcodeInfo& opcode) -> Value {
            if (opcode.has(kHasReth)) return get(h.extensions.reth);
            return opcode.has(kHasAtomicEth) ? Value(get(h.extensions.atomic)) : std::nullopt;
          }};
}

std::vector<Expectation> extension_fields() {
  return {
      reth_or_atomic("infiniband.reth.va", [](const auto& header) { return header.virtual_address; }),
      reth_or_atomic("infiniband.reth.r_key", [](const auto& header) { return header.rkey; }),
      where(kHasReth, "infiniband.reth.dmalen", [](E e) { return e.reth.dma_length; }),
      where(kHasAtomicEth, "infiniband.atomiceth.swapdt", [](E e) { return e.atomic.swap_or_add; }),
      where(kHasAtomicEth, "infiniband.atomiceth.cmpdt", [](E e) { return e.atomic.compare; }),
      where(kHasAeth, "infiniband.aeth.syndrome.opcode", [](E e) { return e.aeth.kind; }),
      where(kHasAeth, "infiniband.aeth.msn", [](E e) { return e.aeth.msn; }),
      where(kHasAtomicAckEth, "infiniband.atomicacketh.origremdt", [](E e) { return e.atomic_ack.original; }),
      where(kHasDeth, "infiniband.deth.q_key", [](E e) { return e.deth.q_key; }),
      where(kHasDeth, "infiniband.deth.srcqp", [](E e) { return e.deth.source_qp; }),
  };
}

// Frames of every opcode: random headers over IPv4 and IPv6 with 0 to 2 tags, and a payload that needs padding.
struct Crafted {
  const OpcodeInfo* opcode;
  FrameHeaders headers;  // as in the frame
  Octets frame;
};

std::vector<Crafted> every_opcode() {
  std::mt19937_64 random(7);
  std::vector<Crafted> crafted;
  for (const OpcodeInfo& opcode : all_opcodes())
    for (int run = 0; run < 4; ++run) {
      FrameHeaders headers = testing::random_headers(random, opcode);
      headers.ethernet.source[0] &= 0xFE;  // no group address
      const Octets payload(opcode.payload ? 21 : 0, 0x5A);
      crafted.push_back(
          {&opcode, complete_headers(headers, payload.size()).value(), build_frame(headers, payload).value()});
    }
  return crafted;
}

// Compares tshark's values of the frames that `takes` with what went in.
void expect_fields(const std::vector<Crafted>& crafted, const std::vector<Expectation>& fields,
                   const std::function<bool(const OpcodeInfo&)>& takes) {
  std::vector<Octets> frames;
  std::vector<std::string> names;
  for (const Crafted& c : crafted) frames.push_back(c.frame);
  for (const Expectation& field : fields) names.emplace_back(field.field);
  const std::vector<Row> rows = dissect(frames, names);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!takes(*crafted[i].opcode)) continue;
    ASSERT_EQ(rows[i].size(), fields.size());
    for (std::size_t f = 0; f < fields.size(); ++f)
      EXPECT_EQ(number(rows[i][f]), fields[f].value(crafted[i].headers, *crafted[i].opcode))
          << fields[f].field << " of " << crafted[i].opcode->name() << " reads " << rows[i][f];
  }
}

bool any_opcode(const OpcodeInfo&) { return true; }

// tshark 4.0 takes opcodes of RD for those of another fabric, whose BTH has 20 bytes, and has no table of what follows
// the BTH of a CNP or an XRC packet.
bool extensions_known(const OpcodeInfo& opcode) {
  return opcode.transport == Transport::kRc || opcode.transport == Transport::kUc || opcode.transport == Transport::kUd;
}

class Tshark : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_tshark()) GTEST_SKIP() << "tshark is not installed";
  }
};

TEST_F(Tshark, NothingIsMalformed) {
  const auto crafted = every_opcode();
  std::vector<Octets> frames;
  for (const Crafted& c : crafted) frames.push_back(c.frame);
  const auto rows = dissect(frames, {"_ws.malformed", "_ws.short", "frame.protocols"});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(crafted[i].opcode->name());
    EXPECT_TRUE(rows[i][2].find(":udp:infiniband") != std::string::npos) << rows[i][2];
    if (crafted[i].opcode->transport == Transport::kRd) continue;  // see extensions_known
    EXPECT_EQ(rows[i][0], "");
    EXPECT_EQ(rows[i][1], "");
  }
}

TEST_F(Tshark, NetworkHeadersOfEveryOpcode) { expect_fields(every_opcode(), network_fields(), any_opcode); }

TEST_F(Tshark, BthOfEveryOpcode) { expect_fields(every_opcode(), bth_fields(), any_opcode); }

TEST_F(Tshark, ExtensionHeadersOfRcUcAndUd) { expect_fields(every_opcode(), extension_fields(), extensions_known); }

// Fields that tshark shows as bytes.
TEST_F(Tshark, ImmediatesInvalidatesAndIcrcOfRcUcAndUd) {
  const auto crafted = every_opcode();
  std::vector<Octets> frames;
  for (const Crafted& c : crafted) frames.push_back(c.frame);
  const auto rows = dissect(frames, {"infiniband.immdt", "infiniband.ieth", "infiniband.invariant.crc"});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Crafted& c = crafted[i];
    if (!extensions_known(*c.opcode)) continue;
    const auto hex = [&](ExtensionBit extension, std::uint32_t value) {
      return c.opcode->has(extension) ? fmt::format("{:08x}", value) : std::string();
    };
    SCOPED_TRACE(c.opcode->name());
    EXPECT_EQ(rows[i][0], hex(kHasImmDt, c.headers.extensions.immediate.data));
    EXPECT_EQ(rows[i][1], hex(kHasIeth, c.headers.extensions.invalidate.rkey));
    const auto icrc = std::span(c.frame).last(4);
    EXPECT_EQ(rows[i][2], fmt::format("0x{:02x}{:02x}{:02x}{:02x}", icrc[0], icrc[1], icrc[2], icrc[3]));
  }
}

TEST_F(Tshark, CnpAndItsMarkedPacket) {
  FrameHeaders marked = testing::write_only();
  std::get<Ipv4Header>(marked.ip).ecn = Ecn::kCe;
  const auto rows =
      dissect({build_frame(marked, testing::counting(32)).value(), build_frame(cnp_for(marked, 0x118, {}), {}).value()},
              {"ip.src", "ip.dsfield.ecn", "ip.dsfield.dscp", "infiniband.bth.opcode", "infiniband.reserved",
               "infiniband.bth.destqp", "infiniband.bth.psn", "infiniband.vendor", "_ws.malformed"});
  EXPECT_EQ(rows[0], (Row{"10.0.0.1", "3", "0", "10", "00", "0x000011", "1", "", ""}));
  EXPECT_EQ(rows[1], (Row{"10.0.0.2", "0", "48", "129", "40", "0x000118", "0", "00000000", ""}));  // 40: BECN
}

TEST_F(Tshark, PfcAndPause) {
  PauseFrame pfc;
  pfc.ethernet.source = {2, 0, 0, 0, 0, 1};
  PfcPause classes;
  classes.enabled = 1U << 3;
  classes.quanta[3] = 0xFFFF;
  pfc.pause = classes;
  PauseFrame global = pfc;
  global.pause = GlobalPause{GlobalPause::kOpcode, 1234};
  const auto rows = dissect({build_pause(pfc), build_pause(global)},
                            {"eth.dst", "macc.opcode", "macc.cbfc.enbv", "macc.cbfc.enbv.c3", "macc.cbfc.enbv.c4",
                             "macc.cbfc.pause_time.c3", "macc.pause_time", "_ws.malformed"});
  EXPECT_EQ(rows[0], (Row{"01:80:c2:00:00:01", "0x0101", "0x0008", "1", "0", "65535", "", ""}));
  EXPECT_EQ(rows[1], (Row{"01:80:c2:00:00:01", "0x0001", "", "", "", "", "1234", ""}));
}

TEST_F(Tshark, NanosecondsOfTheTimeStamp) {
  const Octets frame = build_frame(testing::write_only(), {}).value();
  const auto rows = dissect({frame, frame}, {"frame.time_epoch", "frame.len"});
  EXPECT_EQ(rows[0][0], "0.000000000");
  EXPECT_EQ(rows[1][0], "0.000001000");
  EXPECT_EQ(rows[1][1], std::to_string(frame.size()));
}

}  // namespace
}  // namespace weft::wire
