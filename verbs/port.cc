#include "verbs/port.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "verbs/devices.h"

namespace weft::verbs {
namespace {

struct FreeList {
  void operator()(ibv_device** list) const noexcept { ibv_free_device_list(list); }
};
constexpr std::size_t kMostGids = 1024;  // ConnectX has up to 255 a port

std::string names_of(ibv_device** list, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += (i > 0 ? ", " : "") + std::string(ibv_get_device_name(list[i]));
  return all;
}

bool maps_ipv4(const Gid& gid) {
  return std::all_of(gid.begin(), gid.begin() + 10, [](auto b) { return b == 0; }) && gid[10] == 0xff &&
         gid[11] == 0xff;
}

std::vector<ibv_gid_entry> gids_of(ibv_context* context) {
  std::vector<ibv_gid_entry> entries(kMostGids);
  const ssize_t n = ibv_query_gid_table(context, entries.data(), entries.size(), 0);
  entries.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return entries;
}

Gid gid_of(const ibv_gid_entry& entry) {
  Gid gid;
  std::memcpy(gid.data(), entry.gid.raw, gid.size());
  return gid;
}

// Port and index of the GID of an address; RoCEv2 before RoCEv1, which has the same GIDs.
std::optional<ibv_gid_entry> entry_of(ibv_context* context, const std::string& address) {
  const auto wanted = address.empty() ? Expected<Gid>(input_error("none")) : gid_of_address(address);
  if (!wanted) return std::nullopt;
  std::optional<ibv_gid_entry> found;
  for (const ibv_gid_entry& entry : gids_of(context))
    if (gid_of(entry) == *wanted && (!found || entry.gid_type == IBV_GID_TYPE_ROCE_V2)) found = entry;
  return found;
}

Expected<void> take_port(Port& port, unsigned asked) {
  const unsigned count = port.limits.phys_port_cnt;
  if (asked > count)
    return input_error("the device has no such port", fmt::format("{} port {}", port.device, asked),
                       fmt::format("1 to {}", count));
  for (unsigned p = asked > 0 ? asked : 1; p <= (asked > 0 ? asked : count); ++p) {
    if (const int failed = ibv_query_port(port.context.get(), static_cast<std::uint8_t>(p), &port.state); failed != 0)
      return refused("cannot query the port", fmt::format("{} port {}", port.device, p), failed);
    port.number = static_cast<std::uint8_t>(p);
    if (port.state.state == IBV_PORT_ACTIVE) return {};
  }
  return environment_error(
      "the port is not active", fmt::format("{} port {}", port.device, port.number),
      fmt::format("it is {}: check cable, switch port and `ip link`", ibv_port_state_str(port.state.state)));
}

Expected<void> take_gid(Port& port, const PortRequest& request) {
  const std::vector<ibv_gid_entry> all = gids_of(port.context.get());
  const auto here = [&](const ibv_gid_entry& e) { return e.port_num == port.number; };
  if (request.gid_index >= 0) {
    for (const ibv_gid_entry& entry : all)
      if (here(entry) && entry.gid_index == static_cast<std::uint32_t>(request.gid_index)) {
        port.gid_index = request.gid_index;
        port.gid = gid_of(entry);
        return {};
      }
    std::string known;
    for (const ibv_gid_entry& entry : all)
      if (here(entry))
        known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", entry.gid_index, to_text(gid_of(entry)));
    return input_error("no such GID index", fmt::format("{}", request.gid_index),
                       known.empty() ? "the port has no GID: give its netdev an address" : "there are " + known);
  }
  const auto exact = entry_of(port.context.get(), request.local_address);
  if (exact && here(*exact)) {
    port.gid_index = static_cast<int>(exact->gid_index);
    port.gid = gid_of(*exact);
    return {};
  }
  const ibv_gid_entry* best = nullptr;
  const auto rank = [](const ibv_gid_entry& e) {
    return (e.gid_type == IBV_GID_TYPE_ROCE_V2 ? 2 : 0) + (maps_ipv4(gid_of(e)) ? 1 : 0);
  };
  for (const ibv_gid_entry& entry : all)
    if (here(entry) && (best == nullptr || rank(entry) > rank(*best))) best = &entry;
  if (best == nullptr)
    return environment_error("the port has no GID", fmt::format("{} port {}", port.device, port.number),
                             "give its netdev an address: ip addr add ADDRESS dev NETDEV");
  port.gid_index = static_cast<int>(best->gid_index);
  port.gid = gid_of(*best);
  const bool right = rank(*best) == 3 || port.state.link_layer == IBV_LINK_LAYER_INFINIBAND || port.iwarp;
  port.notes.push_back(fmt::format("GID index {} ({}{}) of {} chosen", port.gid_index, to_text(port.gid),
                                   right ? "" : ", not a RoCEv2 address of IPv4", port.device));
  return {};
}

Expected<Port> opened(ibv_device* device) {
  Port port;
  port.device = ibv_get_device_name(device);
  port.iwarp = device->transport_type == IBV_TRANSPORT_IWARP;
  port.context.reset(ibv_open_device(device));
  if (port.context == nullptr) {
    // libibverbs looks for other ways in afterwards, and leaves the last one's errno.
    const int failed = errno;
    const std::string file = std::string("/dev/infiniband/") + device->dev_name;
    const bool forbidden = ::access(file.c_str(), F_OK) == 0 && ::access(file.c_str(), R_OK | W_OK) != 0;
    return refused("cannot open the RDMA device", port.device, forbidden ? EACCES : failed);
  }
  if (const int failed = ibv_query_device(port.context.get(), &port.limits); failed != 0)
    return refused("cannot query the RDMA device", port.device, failed);
  return port;
}

bool has_active_port(const Port& port) {
  ibv_port_attr state{};
  for (unsigned p = 1; p <= port.limits.phys_port_cnt; ++p)
    if (ibv_query_port(port.context.get(), static_cast<std::uint8_t>(p), &state) == 0 && state.state == IBV_PORT_ACTIVE)
      return true;
  return false;
}

// The device that has the local address; else the only active one.
Expected<Port> chosen(ibv_device** list, int count, const PortRequest& request) {
  std::vector<Port> active;
  std::optional<Error> first_error;
  const std::string by_cm = cm_device_of(request.local_address);
  for (int i = 0; i < count; ++i) {
    auto port = opened(list[i]);
    if (!port) {
      if (!first_error) first_error = port.error();
      continue;
    }
    if (entry_of(port->context.get(), request.local_address) || port->device == by_cm) return port;
    if (has_active_port(*port)) active.push_back(std::move(*port));
  }
  if (active.empty() && first_error) return tl::unexpected(*first_error);
  if (active.empty())
    return environment_error("no RDMA device has an active port", names_of(list, count),
                             "check cables, switch ports and `ip link`");
  if (active.size() > 1)
    return input_error(fmt::format("several RDMA devices are active, and none has the address {}",
                                   request.local_address.empty() ? "of the peer's route" : request.local_address),
                       names_of(list, count), "choose one by --device");
  active.front().notes.push_back(fmt::format("device {} chosen: the only active one", active.front().device));
  return std::move(active.front());
}

}  // namespace

std::string to_text(const Gid& gid) {
  if (maps_ipv4(gid)) return fmt::format("::ffff:{}.{}.{}.{}", gid[12], gid[13], gid[14], gid[15]);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, gid.data(), text.data(), text.size());
  return text.data();
}

Expected<Gid> gid_of_address(const std::string& address) {
  Gid gid{};
  if (inet_pton(AF_INET6, address.c_str(), gid.data()) == 1) return gid;
  gid[10] = gid[11] = 0xff;
  if (inet_pton(AF_INET, address.c_str(), gid.data() + 12) == 1) return gid;
  return input_error("not an IP address", address);
}

Expected<Port> open_port(const PortRequest& request) {
  if (auto there = require_devices(); !there) return tl::unexpected(there.error());
  int count = 0;
  const std::unique_ptr<ibv_device*, FreeList> list(ibv_get_device_list(&count));
  if (list == nullptr) return refused("cannot list RDMA devices", {}, errno);
  ibv_device** const end = list.get() + count;
  ibv_device** const named =
      std::find_if(list.get(), end, [&](ibv_device* device) { return ibv_get_device_name(device) == request.device; });
  if (!request.device.empty() && named == end)
    return input_error("no such RDMA device", request.device, "there are " + names_of(list.get(), count));
  auto port = request.device.empty() ? chosen(list.get(), count, request) : opened(*named);
  if (!port) return port;
  unsigned number = request.port;
  if (const auto entry = entry_of(port->context.get(), request.local_address); entry && number == 0)
    number = entry->port_num;
  if (auto done = take_port(*port, number); !done) return tl::unexpected(done.error());
  if (auto done = take_gid(*port, request); !done) return tl::unexpected(done.error());
  return port;
}

}  // namespace weft::verbs
