#include "apps/dpdk_stream_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "apps/arguments.h"

namespace weft {
namespace {

using dpdk::StreamSpec;

template <typename T>
bool read_number(std::string_view text, T& value, int base = 10) {
  std::from_chars_result result{};
  if constexpr (std::is_floating_point_v<T>)
    result = std::from_chars(text.data(), text.data() + text.size(), value);
  else
    result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

tl::unexpected<Error> wrong(const char* option, const std::string& text, std::string way_out) {
  return input_error(fmt::format("{}: cannot be read", option), text, std::move(way_out));
}

constexpr std::array kKinds{std::pair{"write", wire::MessageKind::kWrite},
                            std::pair{"write_imm", wire::MessageKind::kWriteImm},
                            std::pair{"send", wire::MessageKind::kSend},
                            std::pair{"send_imm", wire::MessageKind::kSendImm},
                            std::pair{"send_invalidate", wire::MessageKind::kSendInvalidate},
                            std::pair{"read_response", wire::MessageKind::kReadResponse}};

Expected<void> read_opcode(const StreamWords& words, StreamSpec& spec) {
  constexpr std::array kTransports{std::pair{"RC", wire::Transport::kRc}, std::pair{"UC", wire::Transport::kUc},
                                   std::pair{"UD", wire::Transport::kUd}, std::pair{"XRC", wire::Transport::kXrc}};
  for (const auto& [name, transport] : kTransports)
    if (words.transport == name) spec.transport = transport;
  for (const auto& [name, kind] : kKinds)
    if (words.opcode == name) {
      spec.kind = kind;
      return {};
    }
  std::uint8_t number = 0;
  if (words.opcode.starts_with("0x") && read_number(std::string_view(words.opcode).substr(2), number, 16)) {
    spec.opcode = number;
    return {};
  }
  for (const wire::OpcodeInfo& info : wire::all_opcodes())
    if (words.opcode == info.operation && (info.transport == spec.transport || info.opcode == wire::kOpcodeCnp)) {
      spec.opcode = info.opcode;
      return {};
    }
  return input_error("--opcode: no such opcode of " + words.transport, words.opcode,
                     "write, send, write_imm, send_imm, send_invalidate, read_response, or one of --opcode list");
}

Expected<void> read_sizes(const StreamWords& words, StreamSpec& spec) {
  const auto size = parse_nccl_size(words.size), mtu = parse_nccl_size(words.mtu);
  if (!size) return wrong("--size", words.size, "as 64, 4K or 1M");
  if (!mtu) return wrong("--mtu", words.mtu, "256, 512, 1024, 2048 or 4096");
  spec.message = *size;
  spec.mtu = *mtu;
  // A packet of one opcode has no message behind it: what fits.
  if (spec.opcode) spec.message = std::min(spec.message, spec.mtu);
  return {};
}

Expected<void> read_source_port(const std::string& text, StreamSpec& spec) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "qp" && rest.empty()) {
    spec.port_policy = dpdk::SourcePortPolicy::kPerQp;
    return {};
  }
  spec.port_policy = kind == "sweep" ? dpdk::SourcePortPolicy::kSweep : dpdk::SourcePortPolicy::kFixed;
  const std::size_t second = rest.find(':');
  bool good = kind == "fixed" || kind == "sweep";
  if (good && kind == "sweep" && second != std::string::npos) {
    good = read_number(std::string_view(rest).substr(second + 1), spec.source_ports);
    rest.resize(second);
  }
  if (good && !rest.empty()) good = read_number(rest, spec.source_port);
  if (!good) return wrong("--source-port", text, "qp, fixed:49152, or sweep:49152:16384");
  return {};
}

Expected<void> read_addresses(const StreamWords& words, StreamSpec& spec) {
  const bool v6 = words.source_ip.find(':') != std::string::npos;
  if (v6) spec.ip = wire::Ipv6Header{};
  for (const auto& [option, text, source] : {std::tuple("--source-ip", &words.source_ip, true),
                                             std::tuple("--destination-ip", &words.destination_ip, false)}) {
    if (auto* ip = std::get_if<wire::Ipv4Header>(&spec.ip)) {
      in_addr address{};
      if (inet_pton(AF_INET, text->c_str(), &address) != 1)
        return wrong(option, *text, "as 10.0.0.1; both v4 or both v6");
      (source ? ip->source : ip->destination) = ntohl(address.s_addr);
    } else {
      auto& ip6 = std::get<wire::Ipv6Header>(spec.ip);
      in6_addr address{};
      if (inet_pton(AF_INET6, text->c_str(), &address) != 1)
        return wrong(option, *text, "as fd00::1; both v4 or both v6");
      std::memcpy((source ? ip6.source : ip6.destination).data(), &address, sizeof address);
    }
  }
  return {};
}

Expected<void> read_mac(const char* option, const std::string& text, wire::MacAddress& mac) {
  if (text.empty()) return {};  // the port's own
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const bool good = text.size() == 17 && (i == 5 || text[3 * i + 2] == ':') &&
                      read_number(std::string_view(text).substr(3 * i, 2), mac[i], 16);
    if (!good) return wrong(option, text, "as 02:00:00:00:00:02");
  }
  return {};
}

Expected<void> read_class(const StreamWords& words, StreamSpec& spec) {
  constexpr std::array kEcn{std::pair{"not_ect", wire::Ecn::kNotEct}, std::pair{"ect0", wire::Ecn::kEct0},
                            std::pair{"ect1", wire::Ecn::kEct1}, std::pair{"ce", wire::Ecn::kCe}};
  wire::Ecn ecn = wire::Ecn::kEct0;
  for (const auto& [name, value] : kEcn)
    if (words.ecn == name) ecn = value;
  std::visit(
      [&](auto& ip) {
        ip.dscp = static_cast<std::uint8_t>(words.dscp);
        ip.ecn = ecn;
      },
      spec.ip);
  const auto ttl = static_cast<std::uint8_t>(words.ttl);
  if (auto* v4 = std::get_if<wire::Ipv4Header>(&spec.ip)) v4->ttl = ttl;
  if (auto* v6 = std::get_if<wire::Ipv6Header>(&spec.ip)) v6->hop_limit = ttl;
  if (words.vlan.empty()) return {};
  wire::VlanTag tag;
  const std::size_t colon = words.vlan.find(':');
  bool good = read_number(std::string_view(words.vlan).substr(0, colon), tag.vlan_id) && tag.vlan_id < 4095;
  if (good && colon != std::string::npos)
    good = read_number(std::string_view(words.vlan).substr(colon + 1), tag.priority) && tag.priority < 8;
  if (!good) return wrong("--vlan", words.vlan, "ID or ID:PRIORITY, as 100:3");
  spec.vlan = tag;
  return {};
}

// "10Gbps" on the wire, or "1.5Mpps"; packets per second.
Expected<double> read_rate(const char* option, const std::string& text, double wire_bytes) {
  constexpr std::array kUnits{std::pair{"Mpps", 1e6}, std::pair{"kpps", 1e3}, std::pair{"pps", 1.0}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    double number = 0;
    if (!read_number(std::string_view(text).substr(0, text.size() - std::strlen(unit)), number) || number <= 0) break;
    return number * factor;
  }
  const auto rate = parse_rate(text);
  if (!rate) return wrong(option, text, "on the wire as 10Gbps, or in packets as 1.5Mpps");
  return static_cast<double>(rate->bits_per_second) / (8 * wire_bytes);
}

Expected<void> read_rates(const StreamWords& words, StreamSpec& spec) {
  spec.rate.burst = words.burst;
  spec.count = words.count;
  const auto stream = dpdk::Stream::create([&] {
    StreamSpec without = spec;
    without.rate = {};
    return without;
  }());
  if (!stream) return tl::unexpected(stream.error());
  const double wire_bytes = stream->wire_bytes();
  if (!words.rate.empty()) {
    const auto rate = read_rate("--rate", words.rate, wire_bytes);
    if (!rate) return tl::unexpected(rate.error());
    spec.rate.packets_per_second = *rate;
  }
  if (!words.ramp.empty()) {
    const std::size_t colon = words.ramp.find(':');
    const auto from = read_rate("--ramp", words.ramp.substr(0, colon), wire_bytes);
    const auto time = parse_duration(colon == std::string::npos ? "" : words.ramp.substr(colon + 1));
    if (!from || !time) return wrong("--ramp", words.ramp, "from which rate and for how long, as 1Gbps:10s");
    spec.rate.ramp_from = *from;
    spec.rate.ramp = *time;
  }
  if (words.on_off.empty()) return {};
  const std::size_t colon = words.on_off.find(':');
  const auto on = parse_duration(words.on_off.substr(0, colon));
  const auto off = parse_duration(colon == std::string::npos ? "" : words.on_off.substr(colon + 1));
  if (!on || !off) return wrong("--on-off", words.on_off, "as 1ms:9ms");
  spec.rate.on = *on;
  spec.rate.off = *off;
  return {};
}

}  // namespace

void add_stream_options(CLI::App& cmd, StreamWords& w) {
  const auto text = [&](const char* name, std::string& value, const char* help) {
    return cmd.add_option(name, value, help)->capture_default_str();
  };
  const auto number = [&](const char* name, std::uint32_t& value, std::uint32_t least, std::uint32_t most,
                          const char* help) {
    cmd.add_option(name, value, help)->check(whole_number(most, least))->capture_default_str();
  };
  text("--opcode", w.opcode, "write, send, write_imm, send_imm, send_invalidate, read_response; an opcode; list");
  text("--transport", w.transport, "RC, UC, UD or XRC")->check(CLI::IsMember({"RC", "UC", "UD", "XRC"}));
  text("--size", w.size, "Message in bytes: 64, 4K, 1M (binary); segmented into FIRST, MIDDLE, LAST");
  text("--mtu", w.mtu, "Path MTU: 256, 512, 1024, 2048, 4096");
  number("--qps", w.qps, 1, dpdk::kMostQps, "QPs that take turns, packet by packet");
  number("--dest-qp", w.dest_qp, 0, wire::kMask24, "First QP number of the receiver");
  number("--source-qp", w.source_qp, 0, wire::kMask24, "First QP number of the sender");
  number("--psn", w.psn, 0, wire::kMask24, "First PSN of each QP");
  text("--source-port", w.source_port, "UDP: qp (as rdma-core computes it), fixed:PORT, sweep:FIRST:COUNT");
  text("--source-ip", w.source_ip, "IPv4 or IPv6");
  text("--destination-ip", w.destination_ip, "Of the same kind");
  text("--source-mac", w.source_mac, "Default: the port's");
  text("--destination-mac", w.destination_mac, "The receiver's or the next router's");
  text("--vlan", w.vlan, "802.1Q tag, ID or ID:PRIORITY");
  number("--dscp", w.dscp, 0, 63, "Class of the packets");
  text("--ecn", w.ecn, "not_ect, ect0, ect1 or ce")->check(CLI::IsMember({"not_ect", "ect0", "ect1", "ce"}));
  number("--ttl", w.ttl, 1, 255, "TTL or hop limit");
  text("--rate", w.rate, "On the wire (L1) as 10Gbps, or packets as 1.5Mpps; default: as fast as the port takes them");
  number("--burst", w.burst, 1, 1U << 20, "Packets back to back, at the same mean rate");
  text("--ramp", w.ramp, "Starts slower: FROM:TIME, as 1Gbps:10s");
  text("--on-off", w.on_off, "Sends and is silent in turns: ON:OFF, as 1ms:9ms");
  cmd.add_option("--count", w.count, "Packets in all; default: no limit")->check(whole_number(UINT64_MAX));
}

Expected<StreamSpec> make_stream_spec(const StreamWords& words) {
  StreamSpec spec;
  spec.qps = words.qps;
  spec.dest_qp = words.dest_qp;
  spec.source_qp = words.source_qp;
  spec.start_psn = words.psn;
  if (const auto done = read_opcode(words, spec); !done) return tl::unexpected(done.error());
  if (const auto done = read_sizes(words, spec); !done) return tl::unexpected(done.error());
  if (const auto done = read_source_port(words.source_port, spec); !done) return tl::unexpected(done.error());
  if (const auto done = read_addresses(words, spec); !done) return tl::unexpected(done.error());
  if (const auto done = read_mac("--source-mac", words.source_mac, spec.source_mac); !done)
    return tl::unexpected(done.error());
  if (const auto done = read_mac("--destination-mac", words.destination_mac, spec.destination_mac); !done)
    return tl::unexpected(done.error());
  if (const auto done = read_class(words, spec); !done) return tl::unexpected(done.error());
  if (const auto done = read_rates(words, spec); !done) return tl::unexpected(done.error());
  return spec;
}

std::string opcode_list() {
  std::string out;
  for (const wire::OpcodeInfo& info : wire::all_opcodes())
    out += fmt::format("0x{:02x}  {}\n", info.opcode, info.name());
  return out;
}

}  // namespace weft
