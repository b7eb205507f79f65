// The RDMA devices of this host.
#pragma once

#include <string>
#include <vector>

#include "fabric/error.h"

namespace weft::verbs {

// Names of the devices, in the kernel's order; empty where there is none.
// Errors: kEnvironment when the kernel's RDMA support cannot be reached.
[[nodiscard]] Expected<std::vector<std::string>> device_names();
// The error of a host without any.
[[nodiscard]] tl::unexpected<Error> no_device();

// Errors: kEnvironment, with the modules to load, where there is no device.
[[nodiscard]] Expected<void> require_devices();

}  // namespace weft::verbs
