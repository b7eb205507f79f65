#include "verbs/netdev_settings.h"

#include <fmt/format.h>
#include <linux/dcbnl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "verbs/ethtool.h"

namespace weft::verbs {
namespace {

using Bytes8 = std::span<const std::uint8_t>;

class Socket {
 public:
  Socket(int family, int type, int protocol) : fd_(socket(family, type | SOCK_CLOEXEC, protocol)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Calls back with type and payload of each netlink attribute; stops at the first that does not fit.
void for_each_attribute(Bytes8 bytes, const std::function<void(std::uint16_t, Bytes8)>& take) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > bytes.size()) return;
    take(head.nla_type & NLA_TYPE_MASK, bytes.subspan(sizeof head, head.nla_len - sizeof head));
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), NLA_ALIGN(head.nla_len)));
  }
}

struct DcbRequest {
  nlmsghdr head{};
  dcbmsg body{};
  nlattr attribute{};
  std::array<char, IFNAMSIZ> name{};
};

void ask_dcb(const std::string& name, NetdevSettings& settings) {
  const Socket netlink(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (netlink.get() < 0 || name.size() >= IFNAMSIZ) return;
  const timeval second{1, 0};
  setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  DcbRequest request;
  request.head = {sizeof request, RTM_GETDCB, NLM_F_REQUEST, 1, 0};
  request.body = {AF_UNSPEC, DCB_CMD_IEEE_GET, 0};
  request.attribute = {static_cast<std::uint16_t>(sizeof(nlattr) + IFNAMSIZ), DCB_ATTR_IFNAME};
  std::memcpy(request.name.data(), name.data(), name.size());
  if (send(netlink.get(), &request, sizeof request, 0) < 0) return;
  std::array<std::uint8_t, 16384> reply{};
  const ssize_t size = recv(netlink.get(), reply.data(), reply.size(), 0);
  nlmsghdr head;
  constexpr std::size_t kBefore = NLMSG_LENGTH(sizeof(dcbmsg));
  if (size < static_cast<ssize_t>(kBefore)) return;
  std::memcpy(&head, reply.data(), sizeof head);
  if (head.nlmsg_type != RTM_GETDCB) return;  // an error: the driver has no DCB
  read_dcb_reply(Bytes8(reply).subspan(kBefore, static_cast<std::size_t>(size) - kBefore), settings);
}

void ask_pause(const std::string& name, NetdevSettings& settings) {
  const Socket any(AF_INET, SOCK_DGRAM, 0);
  if (any.get() < 0 || name.size() >= IFNAMSIZ) return;
  ethtool_pauseparam pause{};
  pause.cmd = ETHTOOL_GPAUSEPARAM;
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_data = reinterpret_cast<char*>(&pause);
  if (ioctl(any.get(), SIOCETHTOOL, &request) != 0) return;
  settings.receive_pause = pause.rx_pause != 0;
  settings.transmit_pause = pause.tx_pause != 0;
}

// mlx5: a file for each priority.
std::optional<std::uint8_t> priorities_of(const std::string& folder, const Sysfs& sysfs) {
  std::optional<std::uint8_t> mask;
  for (unsigned p = 0; p < 8; ++p)
    if (const auto on = sysfs.number(fmt::format("{}/{}", folder, p)))
      mask = static_cast<std::uint8_t>(mask.value_or(0) | (*on != 0 ? 1U << p : 0U));
  return mask;
}

}  // namespace

void read_dcb_reply(std::span<const std::uint8_t> attributes, NetdevSettings& settings) {
  for_each_attribute(attributes, [&](std::uint16_t type, Bytes8 ieee) {
    if (type != DCB_ATTR_IEEE) return;
    settings.trusts_dscp = false;
    for_each_attribute(ieee, [&](std::uint16_t inner, Bytes8 value) {
      if (inner == DCB_ATTR_IEEE_PFC && value.size() >= sizeof(ieee_pfc)) {
        ieee_pfc pfc;
        std::memcpy(&pfc, value.data(), sizeof pfc);
        settings.pfc_priorities = pfc.pfc_en;
      }
      // Trust is told by its table: entries for DSCP are there when the NIC goes by it.
      if (inner == DCB_ATTR_IEEE_APP_TABLE)
        for_each_attribute(value, [&](std::uint16_t, Bytes8 entry) {
          dcb_app app;
          if (entry.size() < sizeof app) return;
          std::memcpy(&app, entry.data(), sizeof app);
          if (app.selector == IEEE_8021QAZ_APP_SEL_DSCP) settings.trusts_dscp = true;
        });
    });
  });
}

NetdevSettings netdev_settings(const std::string& name, const Sysfs& sysfs) {
  NetdevSettings settings;
  settings.name = name;
  const std::string folder = "/sys/class/net/" + name;
  settings.mtu = static_cast<std::uint32_t>(sysfs.number(folder + "/mtu").value_or(0));
  settings.ecn_reaction = priorities_of(folder + "/ecn/roce_rp/enable", sysfs);
  settings.ecn_notification = priorities_of(folder + "/ecn/roce_np/enable", sysfs);
  ask_dcb(name, settings);
  ask_pause(name, settings);
  settings.optics = Ethtool().optics(name);
  return settings;
}

}  // namespace weft::verbs
