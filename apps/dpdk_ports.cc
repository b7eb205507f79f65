// weft dpdk ports: what DPDK found, and what each port can do.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "dpdk/port.h"

namespace weft {
namespace {

std::string mac_text(const wire::MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

std::string ports_table(const std::vector<dpdk::PortFacts>& ports) {
  std::string out = fmt::format("{:>5} {:<20} {:<16} {:<18} {:<6} {:>10} {:>8} {:>9} {:>9}\n", "index", "name",
                                "driver", "mac", "link", "rate", "max MTU", "rx queues", "tx queues");
  for (const auto& port : ports)
    out += fmt::format("{:>5} {:<20} {:<16} {:<18} {:<6} {:>10} {:>8} {:>9} {:>9}\n", port.index, port.name,
                       port.driver, mac_text(port.mac), port.link_up ? "up" : "down",
                       port.link_rate.bits_per_second > 0 ? to_text(port.link_rate) : "-", port.largest_mtu,
                       port.most_receive_queues, port.most_transmit_queues);
  return out;
}

std::string ports_json(const std::vector<dpdk::PortFacts>& ports) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& port : ports)
    list.push_back({{"index", port.index},
                    {"name", port.name},
                    {"driver", port.driver},
                    {"mac", mac_text(port.mac)},
                    {"link_up", port.link_up},
                    {"link_bits_per_s", port.link_rate.bits_per_second},
                    {"max_mtu", port.largest_mtu},
                    {"receive_queues", port.most_receive_queues},
                    {"transmit_queues", port.most_transmit_queues}});
  return nlohmann::ordered_json{{"dpdk", dpdk::version()}, {"ports", list}}.dump(1) + "\n";
}

int run_ports(const std::string& json, const EalArguments& eal_arguments) {
  if (const auto writable = check_writable(json); !writable) return report_error(writable.error());
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return report_error(eal.error());
  const auto ports = dpdk::list_ports(*eal);
  if (ports.empty()) return report_error(dpdk::no_port(*eal));
  if (!json.empty())
    if (const auto done = write_file(json, ports_json(ports)); !done) return report_error(done.error());
  if (json != "-")
    if (const auto done = write_file("-", ports_table(ports)); !done) return report_error(done.error());
  return kGood;
}

}  // namespace

void add_dpdk_ports(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal) {
  const auto json = std::make_shared<std::string>();
  CLI::App* cmd = dpdk.add_subcommand("ports", "The ports that DPDK found, and what each can do");
  cmd->add_option("--json", *json, "Write them as JSON; -: to stdout, without the table")->type_name("FILE");
  cmd->callback([json, &run, &eal] { run = [json, &eal] { return run_ports(*json, eal); }; });
}

}  // namespace weft
