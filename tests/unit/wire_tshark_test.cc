// Another dissector's word: tshark reads every frame that weft crafts, and shows the values that went in.
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
  std::string command = "tshark -n -r '" + path + "' -o ip.check_checksum:TRUE -T fields -E separator='|' -E occurrence=f";
  for (const std::string& field : fields) command += " -e " + field;
  std::vector<Row> rows;
  for (const std::string& line : split(output_of(command + " 2>/dev/null"), '\n'))
    if (!line.empty()) rows.push_back(split(line, '|'));
  if (std::getenv("WEFT_KEEP_PCAP") == nullptr) std::remove(path.c_str());
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
  return {field, [get](const FrameHeaders& h, const OpcodeInfo&) -> Value { return static_cast<std::uint64_t>(get(h)); }};
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

const std::vector<Expectation> kTransportFields{
    always("udp.srcport", [](H h) { return h.udp.source_port; }),
    always("infiniband.bth.opcode", [](H h) { return h.bth.opcode; }),
    always("infiniband.bth.se", [](H h) { return h.bth.solicited_event; }),
    always("infiniband.bth.m", [](H h) { return h.bth.migrated; }),
    always("infiniband.bth.padcnt", [](H h) { return h.bth.pad_count; }),
    always("infiniband.bth.tver", [](H) { return 0; }),
    always("infiniband.bth.p_key", [](H h) { return h.bth.p_key; }),
    always("infiniband.bth.destqp", [](H h) { return h.bth.dest_qp; }),
    always("infiniband.bth.a", [](H h) { return h.bth.ack_request; }),
    always("infiniband.bth.psn", [](H h) { return h.bth.psn; }),
};

TEST(Tshark, Prototype) {
  std::mt19937_64 random(7);
  std::vector<Octets> frames;
  for (const OpcodeInfo& opcode : all_opcodes()) {
    FrameHeaders headers = testing::random_headers(random, opcode);
    frames.push_back(build_frame(headers, Octets(opcode.payload ? 21 : 0, 0x5A)).value());
  }
  for (const Row& row : dissect(frames, {"_ws.malformed", "_ws.expert.message", "infiniband.bth.opcode", "infiniband.reth.va","infiniband.aeth.msn","infiniband.ieth","infiniband.immdt", "infiniband.deth.srcqp","infiniband.rdeth.eecnxt", "infiniband.atomiceth.swapdt", "infiniband.atomicacketh.origremdt","infiniband.payload", "infiniband.invariant.crc", "ip.checksum.status"})) {
    for (const auto& c : row) std::printf("%s|", c.c_str());
    std::printf("\n");
  }
}

}  // namespace
}  // namespace weft::wire
