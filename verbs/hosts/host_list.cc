#include <fmt/format.h>

#include <charconv>
#include <set>

#include "verbs/hosts/agent_link.h"
#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/rounds.h"

namespace weft::verbs {
namespace {

Expected<HostAddress> parse_host(std::string_view word) {
  const auto wrong = [&](const char* why) {
    return input_error(why, std::string(word), "HOST, HOST:PORT, [ADDRESS]:PORT or NAME=HOST:PORT");
  };
  HostAddress host;
  std::string_view rest = word;
  if (const auto equals = rest.find('='); equals != std::string_view::npos) {
    host.name = rest.substr(0, equals);
    rest.remove_prefix(equals + 1);
    if (host.name.empty()) return wrong("a host has an empty name");
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return wrong("a bracket is not closed");
    host.address = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return wrong("a port follows a colon");
    port = rest.empty() ? rest : rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    const bool six = colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos;
    host.address = six ? rest : rest.substr(0, colon);
    if (!six && colon != std::string_view::npos) {
      port = rest.substr(colon + 1);
      if (port.empty()) return wrong("a port is missing");
    }
  }
  if (host.address.empty()) return wrong("a host has no address");
  for (const char c : host.address)
    if (c <= ' ' || c > '~' || c == '/') return wrong("a host's address has a character that none can have");
  host.port = kDefaultAgentPort;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), host.port);
    if (error != std::errc() || end != port.data() + port.size() || host.port == 0) return wrong("this is no port");
  }
  if (host.name.empty())
    host.name = host.port == kDefaultAgentPort ? host.address : fmt::format("{}:{}", host.address, host.port);
  return host;
}

}  // namespace

Expected<std::vector<HostAddress>> parse_hosts(const std::string& text) {
  std::vector<HostAddress> hosts;
  std::set<std::string> names;
  std::set<std::pair<std::string, std::uint16_t>> places;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find_first_of(", \t\r\n");
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (word.empty()) continue;
    auto host = parse_host(word);
    if (!host) return tl::unexpected(host.error());
    if (!names.insert(host->name).second || !places.insert({host->address, host->port}).second)
      return input_error("a host is there twice", std::string(word), "NAME=HOST:PORT tells agents of one host apart");
    hosts.push_back(std::move(*host));
    if (hosts.size() > kMostHosts) return input_error("too many hosts", {}, fmt::format("at most {}", kMostHosts));
  }
  return hosts;
}

}  // namespace weft::verbs
