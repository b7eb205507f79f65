// A HostAgent behind gRPC.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "verbs/hosts/channel_security.h"
#include "verbs/hosts/host_agent.h"
#include "verbs/launch.h"

namespace weft::verbs {

constexpr std::uint32_t kChannelVersion = 1;
constexpr std::uint16_t kDefaultAgentPort = 18700;
constexpr int kLargestChannelMessage = 4 << 20;  // B

struct AgentServerOptions {
  std::string bind = "127.0.0.1";
  std::uint16_t port = kDefaultAgentPort;  // 0: a free one
  std::string data_address;                // that other hosts reach this one's traffic by; empty: that of the channel
  ChannelSecurity security;
  AgentLimits limits;
  std::optional<Launch> launch;
  std::uint32_t version = kChannelVersion;  // a test's choice
  std::string weft;                         // version of the program
};

class AgentServer {
 public:
  // Errors: kInput: no token beyond loopback; kEnvironment: the port is taken, TLS refused.
  [[nodiscard]] static Expected<std::unique_ptr<AgentServer>> start(AgentServerOptions options,
                                                                    std::unique_ptr<DataPlane> plane,
                                                                    const std::atomic<bool>& stop);
  virtual ~AgentServer() = default;  // ends calls under way within a second
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

}  // namespace weft::verbs
