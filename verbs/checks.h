// The bring-up checklist of docs/hardware.md, as far as a host can see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "verbs/inventory.h"

namespace weft::verbs {

enum class Verdict : std::uint8_t { kGood, kWrong, kUnknown };

struct Check {
  std::string subject;  // "mlx5_0 port 1", "host"
  std::string item;     // "PFC"
  Verdict verdict = Verdict::kUnknown;
  std::string found, advice;  // advice: empty where all is good
};

[[nodiscard]] std::string_view to_text(Verdict verdict);  // "good", "wrong", "unknown"
// In the order of devices and ports; those of the host last.
[[nodiscard]] std::vector<Check> check_all(const Inventory& inventory);

}  // namespace weft::verbs
