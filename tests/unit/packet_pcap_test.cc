// Captures of a small scenario with data, ACKs, NAKs, CNPs, CE marks and pauses: read back by fabric/wire, and by
// tshark.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ns3/double.h>
#include <ns3/integer.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "emulator/packet/model/fabric_helper.h"
#include "fabric/wire/frame.h"
#include "fabric/wire/pause.h"
#include "tests/support/specs.h"

namespace weft::packet {
namespace {

struct Record {
  std::int64_t ns = 0;
  std::vector<std::uint8_t> bytes;
  std::uint32_t length = 0;  // on the wire
};

std::uint32_t word(const std::string& data, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<std::uint8_t>(data[at + i])} << (8 * i);
  return value;
}

std::vector<Record> read_pcap(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string data{std::istreambuf_iterator<char>(in), {}};
  EXPECT_GE(data.size(), 24U);
  EXPECT_EQ(word(data, 0), 0xA1B23C4DU) << "nanoseconds";
  std::vector<Record> records;
  for (std::size_t at = 24; at + 16 <= data.size();) {
    Record r;
    r.ns = std::int64_t{word(data, at)} * 1'000'000'000 + word(data, at + 4);
    const std::uint32_t size = word(data, at + 8);
    r.length = word(data, at + 12);
    r.bytes.assign(data.begin() + static_cast<std::ptrdiff_t>(at + 16),
                   data.begin() + static_cast<std::ptrdiff_t>(at + 16 + size));
    records.push_back(r);
    at += 16 + size;
  }
  return records;
}

constexpr std::uint64_t kMessage = 50'000;  // 13 packets: FIRST, 11 MIDDLE, LAST

// Five hosts on a leaf; four write two messages and a short one each to the fifth; marks from 20 KB on, pauses from
// 60 KB on, and bit errors that hit about one frame in 150.
class Capture : public ::testing::Test {
 protected:
  void TearDown() override { ns3::Simulator::Destroy(); }

  void run(std::uint32_t snap_length = 65'535) {
    FabricSpec spec = testing::fat_tree(5, 64, 2);
    spec.hosts.nic_rate = Rate::gbps(100);
    spec.links.host.bit_error_rate = 1e-7;
    FabricHelper helper;
    helper.SetAttribute("SwitchEcnKmin", ns3::UintegerValue(20'000));
    helper.SetAttribute("SwitchEcnKmax", ns3::UintegerValue(100'000));
    helper.SetAttribute("SwitchXoff", ns3::IntegerValue(60'000));
    fabric = helper.Create(spec);
    helper.SetSnapLength(snap_length);
    const std::string prefix = ::testing::TempDir() + "weft" + std::to_string(::getpid());
    helper.EnablePcap(prefix, *fabric, "host4");
    helper.EnablePcap(prefix, *fabric, "host0");
    receiver_file = prefix + "-host4.nic0.port0.pcap";
    sender_file = prefix + "-host0.nic0.port0.pcap";
    for (std::uint32_t i = 0; i < 4; ++i) {
      qps.push_back(helper.Connect(*fabric, fmt::format("host{}", i), "host4"));
      for (std::uint32_t m = 0; m < 12; ++m) fabric->Post(qps.back(), kMessage);
      fabric->Post(qps.back(), 500);
    }
    ns3::Simulator::Run();
    FabricHelper::GetDevice(*fabric, "host4")->Dispose();  // closes the files
    FabricHelper::GetDevice(*fabric, "host0")->Dispose();
  }
  ~Capture() override {
    std::remove(receiver_file.c_str());
    std::remove(sender_file.c_str());
  }

  ns3::Ptr<RoceFabric> fabric;
  std::vector<std::uint32_t> qps;
  std::string receiver_file, sender_file;
};

TEST_F(Capture, HasEveryKindOfFrameInOrderOfTimeAndEveryIcrcIsRight) {
  run();
  for (const std::string& file : {receiver_file, sender_file}) {
    const auto records = read_pcap(file);
    ASSERT_GT(records.size(), 100U);
    for (std::size_t i = 1; i < records.size(); ++i) EXPECT_GE(records[i].ns, records[i - 1].ns);
  }
  std::map<std::string, int> kinds;
  int marked = 0;
  std::vector<Record> all = read_pcap(receiver_file);
  for (const Record& r : read_pcap(sender_file)) all.push_back(r);
  for (const Record& r : all) {
    EXPECT_EQ(r.bytes.size(), r.length);
    if (const auto pause = wire::parse_pause(r.bytes)) {
      const auto& pfc = std::get<wire::PfcPause>(pause->pause);
      EXPECT_EQ(pfc.enabled, 1U << 3U);
      ++kinds[pfc.quanta[3] != 0 ? "pause" : "resume"];
      continue;
    }
    const auto frame = wire::parse_frame(r.bytes);
    ASSERT_TRUE(frame) << frame.error().text();
    EXPECT_TRUE(wire::icrc_matches(r.bytes, frame->layout));
    const auto& ip = std::get<wire::Ipv4Header>(frame->headers.ip);
    EXPECT_EQ(ip.checksum, wire::ipv4_checksum(ip));
    marked += ip.ecn == wire::Ecn::kCe ? 1 : 0;
    std::string kind(frame->layout.opcode->operation);
    if (frame->layout.opcode->has(wire::kHasAeth))
      kind += frame->headers.extensions.aeth.kind == wire::AckKind::kNak ? " NAK" : " ACK";
    ++kinds[kind];
  }
  for (const char* kind : {"RDMA_WRITE_FIRST", "RDMA_WRITE_MIDDLE", "RDMA_WRITE_LAST", "RDMA_WRITE_ONLY",
                           "ACKNOWLEDGE ACK", "ACKNOWLEDGE NAK", "pause", "resume"})
    EXPECT_GT(kinds[kind], 0) << kind;
  EXPECT_GT(marked, 0);
  EXPECT_GT(fabric->GetCounters().cnps, 0U);
  const int cnps = kinds.contains("CNP") ? kinds["CNP"] : kinds["CONGESTION_NOTIFICATION"];
  EXPECT_GT(cnps, 0) << ::testing::PrintToString(kinds);
}

// At the receiver: PSNs start at 0, a message is FIRST ... LAST in order, and the payload is the pattern.
TEST_F(Capture, MessagesAreWholeAndTheirBytesAreThePattern) {
  run();
  std::map<std::uint32_t, std::uint64_t> bytes;  // by QP, in order of PSN
  std::map<std::uint32_t, std::uint32_t> expected;
  for (const Record& r : read_pcap(receiver_file)) {
    const auto frame = wire::parse_frame(r.bytes);
    if (!frame || !frame->layout.opcode->request || frame->layout.opcode->transport != wire::Transport::kRc) continue;
    const std::uint32_t qp = frame->headers.bth.dest_qp;
    if (frame->headers.bth.psn != expected[qp]) continue;  // repeated or too early
    ++expected[qp];
    const std::uint64_t message = bytes[qp] / kMessage, offset = bytes[qp] % kMessage;
    ASSERT_EQ(frame->layout.opcode->starts, offset == 0);
    if (frame->layout.opcode->starts) {
      const auto& reth = frame->headers.extensions.reth;
      EXPECT_EQ(reth.dma_length, message == 12 ? 500U : kMessage);
    }
    for (std::size_t i = 0; i < frame->payload.size(); ++i) ASSERT_EQ(frame->payload[i], (offset + i + message) % 251);
    bytes[qp] += frame->payload.size();
    EXPECT_EQ(frame->layout.opcode->ends, bytes[qp] % kMessage == 0 || message == 12);
  }
  ASSERT_EQ(bytes.size(), 4U);
  for (const std::uint32_t qp : qps) {
    const WireIds ids = fabric->GetWireIds(qp);
    EXPECT_EQ(bytes[ids.destination_qpn], 12 * kMessage + 500);
  }
}

TEST_F(Capture, SnapLengthCutsWhatIsKeptAndNotTheLength) {
  run(96);
  for (const Record& r : read_pcap(receiver_file)) {
    EXPECT_LE(r.bytes.size(), 96U);
    EXPECT_GE(r.length, 60U);
  }
}

TEST_F(Capture, PortsThatNobodyWatchesAreNotWatched) {
  run();
  const Topology& topology = fabric->GetTopology();
  EXPECT_TRUE(fabric->GetNetwork().port(topology.host_link(PortId{4}, true)).is(kWatched));
  EXPECT_FALSE(fabric->GetNetwork().port(topology.host_link(PortId{2}, true)).is(kWatched));
}

// --- tshark

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) out += buffer.data();
  return out;
}

std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::string field;
  std::vector<std::string> row;
  for (const char c : text) {
    if (c != '|' && c != '\n') {
      field += c;
      continue;
    }
    row.push_back(std::exchange(field, ""));
    if (c == '\n') rows.push_back(std::exchange(row, {}));
  }
  return rows;
}

std::uint64_t number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 0); }

TEST_F(Capture, TsharkReadsRoceWithTheSameValues) {
  if (output_of("command -v tshark 2>/dev/null").empty()) GTEST_SKIP() << "tshark is not installed";
  run();
  for (const std::string& file : {receiver_file, sender_file}) {
    const auto records = read_pcap(file);
    const auto rows = rows_of(
        output_of("tshark -n -r '" + file +
                  "' -o ip.check_checksum:TRUE -T fields -E separator='|' -E occurrence=f -e infiniband.bth.opcode "
                  "-e infiniband.bth.psn -e infiniband.bth.destqp -e infiniband.reth.dmalen "
                  "-e infiniband.aeth.syndrome -e ip.dsfield.ecn -e ip.ttl -e udp.srcport -e macc.opcode "
                  "-e _ws.malformed -e _ws.expert.severity -e frame.time_epoch 2>/dev/null"));
    ASSERT_EQ(rows.size(), records.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      SCOPED_TRACE(fmt::format("frame {}", i + 1));
      const auto& row = rows[i];
      ASSERT_EQ(row.size(), 12U);
      EXPECT_EQ(row[9], "") << "malformed";
      if (wire::parse_pause(records[i].bytes)) {
        EXPECT_EQ(number(row[8]), 0x0101U);
        continue;
      }
      const auto frame = wire::parse_frame(records[i].bytes);
      ASSERT_TRUE(frame);
      const wire::FrameHeaders& h = frame->headers;
      EXPECT_EQ(number(row[0]), h.bth.opcode);
      EXPECT_EQ(number(row[1]), h.bth.psn);
      EXPECT_EQ(number(row[2]), h.bth.dest_qp);
      EXPECT_EQ(number(row[5]), static_cast<unsigned>(std::get<wire::Ipv4Header>(h.ip).ecn));
      EXPECT_EQ(number(row[7]), h.udp.source_port);
      EXPECT_EQ(row[3].empty(), !frame->layout.opcode->has(wire::kHasReth));
      EXPECT_EQ(number(row[3]), h.extensions.reth.dma_length);
      EXPECT_EQ(row[4].empty(), !frame->layout.opcode->has(wire::kHasAeth));
      if (row[4].empty()) continue;
      EXPECT_EQ(number(row[4]), static_cast<unsigned>(h.extensions.aeth.kind) << 5U | h.extensions.aeth.value);
    }
  }
}

}  // namespace
}  // namespace weft::packet
