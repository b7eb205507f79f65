// weft verbs devices: what there is, in words and JSON, and the bring-up checklist.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace weft {

void add_verbs_devices(CLI::App& verbs, std::function<int()>& run);

}  // namespace weft
