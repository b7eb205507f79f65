// Two ends of an RC connection, and frames taken apart, for tests of the user-space endpoint.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dpdk/rc/requester.h"
#include "dpdk/rc/responder.h"

namespace weft::dpdk::rc::testing {

using Frame = std::vector<std::uint8_t>;

// QP 0x11 here, 0x22 there; PSNs from 100 here, from 200 there; MTU 256, so that small messages have several packets.
inline Settings settings_here() {
  Settings s;
  wire::Ipv4Header ip;
  ip.source = 0x0A000001;
  ip.destination = 0x0A000002;
  s.path.ip = ip;
  s.local_qp = 0x11;
  s.remote_qp = 0x22;
  s.first_psn = 100;
  s.expected_psn = 200;
  s.mtu = 256;
  s.timeout = Duration::us(100);
  return s;
}
inline Settings settings_there() {
  Settings s = settings_here();
  std::swap(s.local_qp, s.remote_qp);
  std::swap(s.first_psn, s.expected_psn);
  auto& ip = std::get<wire::Ipv4Header>(s.path.ip);
  std::swap(ip.source, ip.destination);
  return s;
}

// A frame with what parse_frame() gives, which points into it.
struct Parsed {
  explicit Parsed(Frame bytes) : frame(std::move(bytes)), view(*wire::parse_frame(frame)) {}
  Frame frame;
  wire::ParsedFrame view;
  [[nodiscard]] std::uint32_t psn() const { return view.headers.bth.psn; }
  // "SEND_ONLY 100", "RDMA_READ_REQUEST 101".
  [[nodiscard]] std::string text() const {
    return std::string(view.layout.opcode->operation) + " " + std::to_string(psn());
  }
};

class Wire {
 public:
  [[nodiscard]] Sink sink() {
    return [this](std::span<const std::uint8_t> frame) {
      frames_.emplace_back(frame.begin(), frame.end());
      return true;
    };
  }
  // What was sent since the last call, as texts.
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (const Frame& frame : take()) out.push_back(Parsed(frame).text());
    return out;
  }
  std::vector<Frame> take() { return std::exchange(frames_, {}); }

 private:
  std::vector<Frame> frames_;
};

inline Frame pattern(std::size_t size, std::uint8_t first = 1) {
  Frame bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i * 7);
  return bytes;
}

using Texts = std::vector<std::string>;

}  // namespace weft::dpdk::rc::testing
