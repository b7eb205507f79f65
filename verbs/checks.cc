#include "verbs/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace weft::verbs {
namespace {

// Ethernet's payload of a RoCEv2 packet beyond the path MTU: IPv6 40, UDP 8, BTH 12, RETH 16 or AtomicETH 28, ImmDt 4,
// ICRC 4 (IBTA, annex A17).
constexpr std::uint32_t kMostHeaders = 96;
constexpr std::uint64_t kEnoughLocked = std::uint64_t{1} << 30;  // B: buffers of 256 QPs and more

class Checklist {
 public:
  explicit Checklist(std::string subject) : subject_(std::move(subject)) {}
  void add(std::string item, bool good, std::string found, std::string advice) {
    checks_.push_back({subject_, std::move(item), good ? Verdict::kGood : Verdict::kWrong, std::move(found),
                       good ? std::string() : std::move(advice)});
  }
  void unknown(std::string item, std::string found, std::string advice) {
    checks_.push_back({subject_, std::move(item), Verdict::kUnknown, std::move(found), std::move(advice)});
  }
  [[nodiscard]] std::vector<Check> taken() { return std::move(checks_); }

 private:
  std::string subject_;
  std::vector<Check> checks_;
};

std::string priorities_text(std::uint8_t mask) {
  if (mask == 0) return "no priority";
  std::string text;
  for (unsigned p = 0; p < 8; ++p)
    if ((mask >> p & 1U) != 0) text += fmt::format("{}{}", text.empty() ? "priority " : ", ", p);
  return text;
}

void check_netdev(Checklist& list, const NetdevSettings& net, const PortFacts& port) {
  list.add("netdev MTU", net.mtu >= port.largest_mtu + kMostHeaders, fmt::format("{} on {}", net.mtu, net.name),
           fmt::format("ip link set {} mtu {}: packets of {} B need headers, too; switches need as much", net.name,
                       std::max(4200U, port.largest_mtu + kMostHeaders), port.largest_mtu));
  if (net.pfc_priorities)
    list.add("PFC", std::popcount(*net.pfc_priorities) == 1, priorities_text(*net.pfc_priorities),
             fmt::format("one lossless priority, the one that the switch has: dcb pfc set dev {} prio-pfc all:off 3:on",
                         net.name));
  else
    list.unknown("PFC", "the driver tells no DCB", "see mlnx_qos, niccli or the switch's counters");
  if (net.trusts_dscp)
    list.add("trust", *net.trusts_dscp, *net.trusts_dscp ? "DSCP" : "PCP",
             fmt::format("routed RoCEv2 has no PCP: mlnx_qos -i {} --trust=dscp, or dcb app", net.name));
  else
    list.unknown("trust", "the driver tells no DCB", "DSCP for routed RoCEv2");
  if (net.ecn_reaction && net.ecn_notification)
    list.add("ECN", (*net.ecn_reaction & *net.ecn_notification) != 0,
             fmt::format("reaction on {}, notification on {}", priorities_text(*net.ecn_reaction),
                         priorities_text(*net.ecn_notification)),
             fmt::format("echo 1 to ecn/roce_np/enable/3 and ecn/roce_rp/enable/3 of {}", net.name));
  else
    list.unknown("ECN", "the driver tells nothing of DCQCN", "mlx5: ecn/ of the netdev; others: the vendor's tool");
  if (net.receive_pause && net.pfc_priorities)
    list.add("global pause", !*net.receive_pause && !net.transmit_pause.value_or(false),
             *net.receive_pause ? "on" : "off",
             fmt::format("not beside PFC (802.1Qbb): ethtool -A {} rx off tx off", net.name));
}

// Against the module's own alarm thresholds: what is too dark or too hot for this optic its maker knows.
void check_optics(Checklist& list, const std::optional<Optics>& optics) {
  if (!optics || (!optics->celsius && optics->receive_mw.empty())) {
    list.unknown("optics", optics ? "a module without monitors, as copper cables are" : "no module can be read",
                 optics ? "nothing to do" : "run as root, if the port has a pluggable module");
    return;
  }
  std::string found;
  if (optics->celsius) found += fmt::format("{:.1f} C ", *optics->celsius);
  const auto least = weakest_dbm(optics->receive_mw);
  if (least) found += fmt::format("receives {:.1f} dBm at the weakest lane", *least);
  const bool hot = optics->celsius && optics->highest_celsius && *optics->celsius > *optics->highest_celsius;
  const bool dark = least && optics->lowest_receive_mw && *least < dbm(*optics->lowest_receive_mw);
  list.add("optics", !hot && !dark, found,
           dark ? fmt::format("the module's alarm is at {:.1f} dBm: clean or change the fibre, or the far module",
                              dbm(*optics->lowest_receive_mw))
                : fmt::format("the module's alarm is at {:.1f} C: check the air", optics->highest_celsius.value_or(0)));
}

void check_port(Checklist& list, const DeviceFacts& device, const PortFacts& port) {
  list.add("link", port.state == "ACTIVE", port.state, "check cable, optics, switch port, and `ip link`");
  if (device.transport != "RoCE") return;
  list.add("path MTU", port.mtu == port.largest_mtu, fmt::format("{} of {}", port.mtu, port.largest_mtu),
           "raise the netdev's MTU: the path MTU follows");
  const bool right = std::any_of(port.gids.begin(), port.gids.end(),
                                 [](const GidFacts& g) { return g.type == "RoCE v2" && g.maps_ipv4; });
  list.add("RoCEv2 GID", right, right ? "of an IPv4 address" : "none of an IPv4 address",
           "give the netdev an address; mlx5: cma_roce_mode, default RoCE v2");
  if (port.netdev) {
    check_netdev(list, *port.netdev, port);
    check_optics(list, port.netdev->optics);
  } else
    list.unknown("netdev", "none is known for this port", "its GIDs name no netdev: is the link up?");
}

std::vector<Check> check_device(const DeviceFacts& device) {
  Checklist list(device.name);
  if (!device.problem.empty()) {
    list.add("access", false, device.problem, "run as a user who may open /dev/infiniband/uverbs*");
    return list.taken();
  }
  if (device.pcie) {
    const PcieLink& pcie = *device.pcie;
    list.add("PCIe", pcie.speed >= pcie.largest_speed && pcie.width >= pcie.largest_width,
             fmt::format("{} GT/s x{} of {} GT/s x{}", pcie.speed, pcie.width, pcie.largest_speed, pcie.largest_width),
             "reseat the card, check slot and BIOS: bandwidth is lost");
  }
  std::vector<Check> all = list.taken();
  for (const PortFacts& port : device.ports) {
    Checklist of_port(fmt::format("{} port {}", device.name, port.number));
    check_port(of_port, device, port);
    for (Check& check : of_port.taken()) all.push_back(std::move(check));
  }
  return all;
}

std::vector<Check> check_host(const HostFacts& host) {
  Checklist list("host");
  list.add("locked memory", host.locked_memory.value_or(kEnoughLocked) >= kEnoughLocked,
           host.locked_memory ? fmt::format("{} KiB", *host.locked_memory / 1024) : "unlimited",
           "ulimit -l unlimited; for all: memlock in /etc/security/limits.conf, LimitMEMLOCK=infinity of the service");
  if (host.iommu)
    list.add("IOMMU", host.iommu_passthrough, host.iommu_passthrough ? "passthrough" : "translates",
             "iommu=pt on the kernel's command line, or a translation a page costs bandwidth");
  else
    list.add("IOMMU", true, "off", "");
  if (host.cpu_governor)
    list.add("CPU frequency", *host.cpu_governor == "performance", *host.cpu_governor,
             "cpupower frequency-set -g performance: small messages wait for a slow core");
  list.add("huge pages", true, fmt::format("{} (verbs needs none; dpdk runs faster with some)", host.huge_pages), "");
  if (host.gpu_peer_memory)
    list.add("GPUDirect", true, "peer memory module is loaded", "");
  else
    list.unknown("GPUDirect", "no peer memory module", "dmabuf may serve; else modprobe nvidia_peermem");
  return list.taken();
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "good";
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kUnknown:
      break;
  }
  return "unknown";
}

std::vector<Check> check_all(const Inventory& inventory) {
  std::vector<Check> all;
  for (const DeviceFacts& device : inventory.devices)
    for (Check& check : check_device(device)) all.push_back(std::move(check));
  for (Check& check : check_host(inventory.host)) all.push_back(std::move(check));
  return all;
}

}  // namespace weft::verbs
