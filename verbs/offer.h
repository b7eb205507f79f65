// What one side tells the other so that QPs can be connected: plain values, as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/error.h"

namespace weft::verbs {

constexpr std::size_t kMostQps = 16384;

struct QpAddress {
  std::uint32_t number = 0;  // 24 bits
  std::uint32_t psn = 0;     // first packet sequence number, 24 bits
  std::uint32_t qkey = 0;    // UD
  std::uint32_t srq = 0;     // XRC: number of the SRQ
};

struct Offer {
  std::string device;  // for messages
  std::array<std::uint8_t, 16> gid{};
  std::uint16_t lid = 0;      // InfiniBand
  std::uint32_t mtu = 1024;   // B, of the port
  std::uint64_t address = 0;  // of the memory region
  std::uint64_t length = 0;   // B
  std::uint32_t rkey = 0;
  std::uint32_t reads = 0;            // reads and atomics that a QP answers at once
  std::uint64_t largest_message = 0;  // B
  std::uint16_t cm_port = 0;          // of the rdma_cm listener; 0: none
  std::vector<QpAddress> qps;
};

[[nodiscard]] nlohmann::ordered_json to_json(const Offer& offer);
// From a peer, so not trusted. Errors: kInput, naming the member.
[[nodiscard]] Expected<Offer> offer_from_json(const nlohmann::ordered_json& json);

}  // namespace weft::verbs
