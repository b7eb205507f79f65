// Frames for the tests of fabric/wire: from hex text, and random ones that cover every opcode.
#pragma once

#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/wire/frame.h"

namespace weft::wire::testing {

using Octets = std::vector<std::uint8_t>;

// Two hex digits a byte; blanks are skipped.
inline Octets from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Octets out;
  std::string digits;
  for (const char c : text)
    if (c != ' ' && c != '\n') digits += c;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(digit(digits[i]) * 16 + digit(digits[i + 1])));
  return out;
}

// Those that this machine runs.
inline std::vector<CrcEngine> engines() {
  std::vector<CrcEngine> found{CrcEngine::kBitwise, CrcEngine::kBytewise, CrcEngine::kSlicing};
  if (has_engine(CrcEngine::kCarryless)) found.push_back(CrcEngine::kCarryless);
  return found;
}

// Bytes 00, 01, 02, ...
inline Octets counting(std::size_t size) {
  Octets out(size);
  std::iota(out.begin(), out.end(), std::uint8_t{0});
  return out;
}

// Fills every field with random bits of its width.
class FieldRandom {
 public:
  explicit FieldRandom(std::mt19937_64& random) : random_(&random) {}
  template <unsigned Count, typename T>
  void operator()(std::integral_constant<unsigned, Count>, T& value) {
    value = static_cast<T>((*random_)() >> (64 - Count));
  }
  template <unsigned Count, std::size_t Size>
  void operator()(std::integral_constant<unsigned, Count>, std::array<std::uint8_t, Size>& value) {
    for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>((*random_)());
  }

 private:
  std::mt19937_64* random_;
};

template <typename Header>
Header random_header(std::mt19937_64& random) {
  Header header;
  FieldRandom fill(random);
  Header::visit(header, fill);
  return header;
}

// Random in every field that complete_headers() leaves alone.
inline FrameHeaders random_headers(std::mt19937_64& random, const OpcodeInfo& opcode) {
  FrameHeaders headers;
  headers.ethernet = random_header<EthernetHeader>(random);
  headers.vlan_tags.resize(random() % (kMaxVlanTags + 1));
  for (VlanTag& tag : headers.vlan_tags) tag = random_header<VlanTag>(random);
  if (random() % 2 == 0)
    headers.ip = random_header<Ipv4Header>(random);
  else
    headers.ip = random_header<Ipv6Header>(random);
  headers.udp = random_header<UdpHeader>(random);
  headers.bth = random_header<Bth>(random);
  headers.bth.opcode = opcode.opcode;
  for_each_extension(headers.extensions, opcode,
                     [&]<typename Header>(Header& header) { header = random_header<Header>(random); });
  return headers;
}

inline Octets random_payload(std::mt19937_64& random, const OpcodeInfo& opcode, std::size_t longest) {
  Octets payload(opcode.payload ? random() % (longest + 1) : 0);
  for (std::uint8_t& byte : payload) byte = static_cast<std::uint8_t>(random());
  return payload;
}

inline const OpcodeInfo& random_opcode(std::mt19937_64& random) {
  const auto all = all_opcodes();
  return all[random() % all.size()];
}

// RC RDMA_WRITE_ONLY over IPv4 of the synthetic vector in wire_icrc_test.cc: 02:..:01 to 02:..:02, 10.0.0.1
// to 10.0.0.2.
inline FrameHeaders write_only() {
  FrameHeaders headers;
  headers.ethernet.destination = {2, 0, 0, 0, 0, 2};
  headers.ethernet.source = {2, 0, 0, 0, 0, 1};
  Ipv4Header ip;
  ip.dscp = 0;
  ip.identification = 1;
  ip.dont_fragment = false;
  ip.source = 0x0A000001;
  ip.destination = 0x0A000002;
  headers.ip = ip;
  headers.udp.source_port = 0xC123;
  headers.bth.opcode = opcode(Transport::kRc, Operation::kWriteOnly);
  headers.bth.migrated = true;
  headers.bth.dest_qp = 0x11;
  headers.bth.ack_request = true;
  headers.bth.psn = 1;
  headers.extensions.reth = {0x1122334455667788, 0x1234, 32};
  return headers;
}

}  // namespace weft::wire::testing
