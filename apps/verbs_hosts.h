// weft verbs agent, run and collective: traffic between many hosts.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "verbs/hosts/agent_link.h"

namespace weft {

// Who may use the control channel.
struct ChannelFiles {
  std::string token, certificate, key, root, server_name;
};
// Errors: kInput, kEnvironment.
[[nodiscard]] Expected<verbs::ChannelSecurity> read_security(const ChannelFiles& files);

// The coordinator's hosts.
struct HostsChoice {
  std::string hosts, file;
  unsigned wait_seconds = 10;
  ChannelFiles channel;
};
void add_hosts_options(CLI::App& command, HostsChoice& choice);
// Errors: kInput, kEnvironment.
[[nodiscard]] Expected<std::vector<verbs::HostAddress>> read_hosts(const HostsChoice& choice);

void add_verbs_agent(CLI::App& verbs, std::function<int()>& run);
void add_verbs_run(CLI::App& verbs, std::function<int()>& run);
void add_verbs_collective(CLI::App& verbs, std::function<int()>& run);

}  // namespace weft
