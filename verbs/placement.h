// On which processors the work runs: those asked for, or those next to the device.
#pragma once

#include <string>
#include <vector>

#include "fabric/error.h"

namespace weft::verbs {

// "3", "0-7,16" as the kernel writes lists. Errors: kInput.
[[nodiscard]] Expected<std::vector<unsigned>> parse_cpus(const std::string& text);
// Binds the calling thread, and with it where its memory comes from. Without `cpus`, to the device's NUMA node where
// it has one. Errors: kInput, kEnvironment.
[[nodiscard]] Expected<void> place(const std::string& cpus, const std::string& device, std::vector<std::string>& notes);

}  // namespace weft::verbs
