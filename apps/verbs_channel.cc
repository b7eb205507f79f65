#include <fstream>
#include <sstream>

#include "apps/arguments.h"
#include "apps/verbs_hosts.h"

namespace weft {

Expected<verbs::ChannelSecurity> read_security(const ChannelFiles& files) {
  verbs::ChannelSecurity security;
  security.server_name = files.server_name;
  auto token = verbs::read_token(files.token);
  if (!token) return tl::unexpected(token.error());
  security.token = std::move(*token);
  for (const auto& [path, text] : {std::pair(&files.certificate, &security.certificate),
                                   std::pair(&files.key, &security.key), std::pair(&files.root, &security.root)}) {
    auto read = verbs::read_pem(*path);
    if (!read) return tl::unexpected(read.error());
    *text = std::move(*read);
  }
  return security;
}

Expected<std::vector<verbs::HostAddress>> read_hosts(const HostsChoice& choice) {
  std::string text = choice.hosts;
  if (!choice.file.empty()) {
    std::ifstream file(choice.file);
    if (!file) return environment_error("cannot read the list of hosts", choice.file);
    std::ostringstream all;
    all << file.rdbuf();
    text += " " + all.str();
  }
  auto hosts = verbs::parse_hosts(text);
  if (hosts && hosts->empty())
    return input_error("no hosts are named", {}, "--hosts A,B,C or --hosts-file FILE; an agent runs on each");
  return hosts;
}

void add_hosts_options(CLI::App& command, HostsChoice& choice) {
  command.add_option("--hosts", choice.hosts, "HOST[:PORT] or NAME=HOST[:PORT], by commas");
  command.add_option("--hosts-file", choice.file, "the same, one a line");
  command.add_option("--wait", choice.wait_seconds, "seconds for agents to be there")->check(whole_number(86400, 1));
  command.add_option("--token", choice.channel.token, "file with the shared secret; default: variable WEFT_TOKEN");
  command.add_option("--tls-root", choice.channel.root, "PEM file: agents need a certificate signed by it");
  command.add_option("--tls-certificate", choice.channel.certificate, "PEM file, where agents ask for one");
  command.add_option("--tls-key", choice.channel.key, "PEM file of its key");
  command.add_option("--tls-name", choice.channel.server_name, "name in the agents' certificate");
}

}  // namespace weft
