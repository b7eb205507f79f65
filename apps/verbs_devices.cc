#include "apps/verbs_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/console.h"
#include "verbs/checks.h"

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json optics_json(const verbs::Optics& optics) {
  const auto in_dbm = [](const std::vector<double>& lanes) {
    auto list = Json::array();
    for (const double lane : lanes) list.push_back(verbs::dbm(lane));
    return list;
  };
  return {{"kind", optics.kind},
          {"celsius", or_null(optics.celsius)},
          {"receive_dbm", in_dbm(optics.receive_mw)},
          {"transmit_dbm", in_dbm(optics.transmit_mw)}};
}

Json port_json(const verbs::PortFacts& port) {
  auto gids = Json::array();
  for (const auto& gid : port.gids) gids.push_back({{"index", gid.index}, {"gid", gid.gid}, {"type", gid.type}});
  Json out{{"number", port.number},
           {"state", port.state},
           {"link_layer", port.link_layer},
           {"rate_gbits", or_null(port.rate_gbits)},
           {"mtu", port.mtu},
           {"max_mtu", port.largest_mtu},
           {"gids", gids}};
  if (port.netdev) {
    const auto& net = *port.netdev;
    out["netdev"] = {{"name", net.name},
                     {"mtu", net.mtu},
                     {"pfc_priorities", or_null(net.pfc_priorities)},
                     {"trusts_dscp", or_null(net.trusts_dscp)},
                     {"ecn_reaction_priorities", or_null(net.ecn_reaction)},
                     {"ecn_notification_priorities", or_null(net.ecn_notification)},
                     {"receive_pause", or_null(net.receive_pause)},
                     {"transmit_pause", or_null(net.transmit_pause)},
                     {"optics", net.optics ? optics_json(*net.optics) : Json(nullptr)}};
  }
  return out;
}

Json device_json(const verbs::DeviceFacts& device) {
  auto ports = Json::array();
  for (const auto& port : device.ports) ports.push_back(port_json(port));
  Json out{{"name", device.name},
           {"transport", device.transport},
           {"driver", device.driver},
           {"board", device.board},
           {"firmware", device.firmware},
           {"pci_address", device.pci_address},
           {"numa_node", or_null(device.numa_node)},
           {"max_qps", device.most_qps},
           {"max_cqs", device.most_cqs},
           {"max_mrs", device.most_mrs},
           {"max_srqs", device.most_srqs},
           {"max_sges", device.most_sges},
           {"max_mr_bytes", device.largest_mr},
           {"atomics", device.atomics},
           {"xrc", device.xrc},
           {"on_demand_paging", device.on_demand_paging},
           {"ports", ports}};
  if (device.pcie)
    out["pcie"] = {{"gt_per_s", device.pcie->speed},
                   {"max_gt_per_s", device.pcie->largest_speed},
                   {"width", device.pcie->width},
                   {"max_width", device.pcie->largest_width}};
  if (!device.problem.empty()) out["problem"] = device.problem;
  return out;
}

std::string devices_json(const verbs::Inventory& inventory, const std::vector<verbs::Check>& checks) {
  auto devices = Json::array(), list = Json::array();
  for (const auto& device : inventory.devices) devices.push_back(device_json(device));
  for (const auto& check : checks)
    list.push_back({{"subject", check.subject},
                    {"item", check.item},
                    {"verdict", to_text(check.verdict)},
                    {"found", check.found},
                    {"advice", check.advice}});
  return Json{{"devices", devices}, {"checks", list}}.dump(1) + "\n";
}

std::string device_words(const verbs::DeviceFacts& d) {
  if (!d.problem.empty()) return fmt::format("{}: {}\n", d.name, d.problem);
  std::string out =
      fmt::format("{}: {}{}{}, firmware {}{}{}\n", d.name, d.transport, d.driver.empty() ? "" : ", ", d.driver,
                  d.firmware.empty() ? "unknown" : d.firmware, d.pci_address.empty() ? "" : ", PCI ", d.pci_address);
  if (d.numa_node) out += fmt::format("  NUMA node {}\n", *d.numa_node);
  out += fmt::format("  {} QPs, {} CQs, {} SRQs, {} SGEs; atomics {}, XRC {}, on-demand paging {}\n", d.most_qps,
                     d.most_cqs, d.most_srqs, d.most_sges, d.atomics ? "yes" : "no", d.xrc ? "yes" : "no",
                     d.on_demand_paging ? "yes" : "no");
  for (const auto& port : d.ports) {
    out += fmt::format("  port {}: {}, {}, {} Gb/s, path MTU {} of {}{}{}\n", port.number, port.state, port.link_layer,
                       port.rate_gbits.value_or(0), port.mtu, port.largest_mtu, port.netdev ? ", netdev " : "",
                       port.netdev ? port.netdev->name : "");
    for (const auto& gid : port.gids) out += fmt::format("    GID {:<3} {:<8} {}\n", gid.index, gid.type, gid.gid);
  }
  return out;
}

std::string checklist_words(const std::vector<verbs::Check>& checks) {
  std::string out = fmt::format("\n{:<8} {:<16} {:<14} {}\n", "verdict", "subject", "item", "found; what to do");
  for (const auto& check : checks)
    out += fmt::format("{:<8} {:<16} {:<14} {}{}{}\n", to_text(check.verdict), check.subject, check.item, check.found,
                       check.advice.empty() ? "" : "; ", check.advice);
  return out;
}

int run_devices(const std::string& json, bool strict) {
  if (const auto writable = check_writable(json); !writable) return report_error(writable.error());
  const auto inventory = verbs::take_inventory();
  if (!inventory) return report_error(inventory.error());
  const auto checks = check_all(*inventory);
  if (!json.empty())
    if (const auto done = write_file(json, devices_json(*inventory, checks)); !done) return report_error(done.error());
  if (json != "-") {
    std::string words;
    for (const auto& device : inventory->devices) words += device_words(device);
    if (const auto done = write_file("-", words + checklist_words(checks)); !done) return report_error(done.error());
  }
  const bool wrong =
      std::any_of(checks.begin(), checks.end(), [](const auto& c) { return c.verdict == verbs::Verdict::kWrong; });
  return strict && wrong ? kVerdictFailed : kGood;
}

}  // namespace

void add_verbs_devices(CLI::App& verbs, std::function<int()>& run) {
  struct Options {
    std::string json;
    bool strict = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* cmd =
      verbs.add_subcommand("devices", "The RDMA devices of this host, and the checklist of docs/hardware.md");
  cmd->add_option("--json", options->json, "Write them as JSON; -: to stdout, without the words")->type_name("FILE");
  cmd->add_flag("--strict", options->strict, "Exit with 1 when a check is wrong");
  cmd->callback([options, &run] { run = [options] { return run_devices(options->json, options->strict); }; });
}

}  // namespace weft
