// Rules over the fields that only the packet engine reads: queues, PFC, congestion control, timed failures.
#pragma once

#include "topologies/spec_validate.h"

namespace weft {

// The first fault. REQUIRES: every field within its own bounds, transport.mtu a path MTU.
[[nodiscard]] std::optional<SpecFault> find_packet_fault(const FabricSpec& spec);

// When a line of `failures` is in force; `path` names the line, as "failures.2".
[[nodiscard]] std::optional<SpecFault> find_failure_time_fault(const FailureSpec& failure, const std::string& path);

}  // namespace weft
