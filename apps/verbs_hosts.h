// weft verbs agent and run: traffic between many hosts.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace weft {

// Who may use the control channel; both commands have these.
struct ChannelFiles {
  std::string token, certificate, key, root, server_name;
};

void add_verbs_agent(CLI::App& verbs, std::function<int()>& run);
void add_verbs_run(CLI::App& verbs, std::function<int()>& run);

}  // namespace weft
