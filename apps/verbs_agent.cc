#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/verbs_hosts.h"
#include "apps/verbs_options.h"
#include "emulator/version.h"
#include "verbs/hosts/agent_server.h"

namespace weft {
namespace {

struct AgentCommand {
  PairCommand pair;  // its local choices
  ChannelFiles channel;
  std::string listen = "127.0.0.1", data_address;
  std::uint16_t port = verbs::kDefaultAgentPort;
  double without_rdma = 0;  // Gb/s pretended; 0: RDMA
};

int run_agent(const AgentCommand& command) {
  auto security = read_security(command.channel);
  if (!security) return report_error(security.error());
  auto launch = verbs::launch_from([](const char* name) -> const char* { return std::getenv(name); });
  if (!launch) return report_error(launch.error());
  verbs::AgentServerOptions options;
  options.bind = command.listen;
  // Ranks of one host have ports of their own.
  const unsigned local = *launch ? (*launch)->local_rank.value_or(0) : 0;
  if (command.port + local > 65535)
    return report_error(Error{ErrorCode::kInput, "no ports left for local ranks", {}, {}, {}});
  options.port = static_cast<std::uint16_t>(command.port + local);
  options.data_address = command.data_address.empty() ? command.pair.choice.bind : command.data_address;
  options.security = std::move(*security);
  options.launch = *launch;
  options.weft = kVersion;
  auto plane =
      command.without_rdma > 0 ? verbs::pretended_plane(command.without_rdma) : verbs::verbs_plane(command.pair.choice);
  const std::atomic<bool>& stop = interrupted();
  const auto server = verbs::AgentServer::start(std::move(options), std::move(plane), stop);
  if (!server) return report_error(server.error());
  if (!command.pair.quiet)
    std::fputs(fmt::format("weft: agent listens on {} port {}\n", command.listen, (*server)->port()).c_str(), stderr);
  while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return kGood;
}

}  // namespace

void add_verbs_agent(CLI::App& verbs_command, std::function<int()>& run) {
  CLI::App& command = *verbs_command.add_subcommand("agent", "one host's part of `weft verbs run`, until Ctrl-C");
  const auto options = std::make_shared<AgentCommand>();
  command.add_option("--listen", options->listen, "address of the control channel; beyond loopback it needs a token");
  command.add_option("--port", options->port, "of the control channel; a local rank is added to it")
      ->check(whole_number(65535, 1));
  command.add_option("--data-address", options->data_address,
                     "that other hosts reach this one's traffic by; default: --bind, or the one the coordinator names");
  command.add_option("--token", options->channel.token, "file with the shared secret; default: variable WEFT_TOKEN");
  command.add_option("--tls-certificate", options->channel.certificate, "PEM file: the channel is TLS");
  command.add_option("--tls-key", options->channel.key, "PEM file of its key");
  command.add_option("--tls-root", options->channel.root, "PEM file: coordinators need a certificate signed by it");
  command
      .add_option("--without-rdma", options->without_rdma, "pretend: every flow has so many Gb/s, no device is used")
      ->check(CLI::PositiveNumber);
  command.add_flag("--quiet", options->pair.quiet, "no notes on stderr");
  add_local_options(command, options->pair);
  command.callback([options, &run] { run = [options] { return run_agent(*options); }; });
}

}  // namespace weft
