// The words of `weft dpdk send` and `loop` that describe a stream, as text, and the StreamSpec that they make.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "dpdk/stream.h"

namespace weft {

struct StreamWords {
  std::string opcode = "write", transport = "RC", size = "4096", mtu = "4096";
  std::uint32_t qps = 1, dest_qp = 0x100, source_qp = 0x100, psn = 0;
  std::string source_port = "qp";
  std::string source_ip = "10.0.0.1", destination_ip = "10.0.0.2", source_mac, destination_mac = "02:00:00:00:00:02";
  std::string vlan, ecn = "ect0";
  std::uint32_t dscp = 26, ttl = 64;
  std::string rate, ramp, on_off;
  std::uint32_t burst = 1;
  std::uint64_t count = 0;
};

void add_stream_options(CLI::App& cmd, StreamWords& words);

// Errors: kInput, naming the option.
[[nodiscard]] Expected<dpdk::StreamSpec> make_stream_spec(const StreamWords& words);

// One opcode a line, as --opcode takes them.
[[nodiscard]] std::string opcode_list();

}  // namespace weft
