// The coordinator's end of the channel to one agent. Every call has a deadline and names the host when it fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "verbs/clock_offset.h"
#include "verbs/hosts/channel_security.h"
#include "verbs/hosts/host_agent.h"

namespace weft::verbs {

struct HostAddress {
  std::string name;     // for people and results
  std::string address;  // name or IP address
  std::uint16_t port = 0;
};

// "host", "host:port", "[v6]:port", "name=host:port"; a list by commas. Errors: kInput: empty, twice the same, no port.
[[nodiscard]] Expected<std::vector<HostAddress>> parse_hosts(const std::string& text);

struct AgentInfo {
  std::string weft, host, data_address, launcher;
  std::uint32_t rank = 0, size = 0;
};

class AgentLink {
 public:
  using Limit = std::chrono::milliseconds;
  static std::unique_ptr<AgentLink> to(const HostAddress& host, const ChannelSecurity& security, std::string session,
                                       std::string weft);
  virtual ~AgentLink() = default;

  // Tries again until the limit while nobody listens. Errors: kEnvironment: unreachable, busy, another version; kInput:
  // token.
  [[nodiscard]] virtual Expected<AgentInfo> hello(Limit limit) = 0;
  [[nodiscard]] virtual Expected<ClockOffset> clock(int questions, Limit limit) = 0;
  [[nodiscard]] virtual Expected<std::vector<std::uint16_t>> prepare(const std::vector<std::uint32_t>& flows,
                                                                     Limit limit) = 0;
  // Gives each event to `hear` until the agent is done, fails, is cancelled or silent for `silence`.
  [[nodiscard]] virtual Expected<void> run(const PairPlan& plan, const std::optional<CollectiveSpec>& collective,
                                           const std::vector<FlowTask>& flows, Limit silence,
                                           const std::function<void(FlowEvent)>& hear) = 0;
  [[nodiscard]] virtual Expected<void> start(std::int64_t at, Limit limit) = 0;
  virtual void cancel() = 0;  // ends run(), from any thread
  virtual void leave(Limit limit) = 0;
};

}  // namespace weft::verbs
