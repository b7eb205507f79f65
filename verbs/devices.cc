#include "verbs/devices.h"

#include <infiniband/verbs.h>

#include <cerrno>
#include <system_error>

namespace weft::verbs {

Expected<std::vector<std::string>> device_names() {
  int count = 0;
  ibv_device** devices = ibv_get_device_list(&count);
  if (devices == nullptr && errno != ENOSYS)
    return environment_error("cannot list RDMA devices", std::generic_category().message(errno),
                             "load the kernel's RDMA modules (ib_uverbs) and check permissions of /dev/infiniband");
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) names.emplace_back(ibv_get_device_name(devices[i]));
  if (devices != nullptr) ibv_free_device_list(devices);
  return names;
}

tl::unexpected<Error> no_device() {
  return environment_error("this host has no RDMA device", {},
                           "load the driver: mlx5_ib, irdma, bnxt_re, efa or, without hardware, rdma_rxe (rdma link "
                           "add rxe0 type rxe netdev ETH); see docs/hardware.md");
}

Expected<void> require_devices() {
  const auto names = device_names();
  if (!names) return tl::unexpected(names.error());
  if (names->empty()) return no_device();
  return {};
}

}  // namespace weft::verbs
