// Events of a run as messages of the control channel, and back. What comes back is checked.
#pragma once

#include <string>

#include "fabric/error.h"
#include "verbs/hosts/host_agent.h"

namespace weft::verbs {

namespace v1 {
class RunEvent;
}

[[nodiscard]] v1::RunEvent to_wire(const FlowEvent& event);
// Errors: kInput: an unknown kind, no point.
[[nodiscard]] Expected<FlowEvent> from_wire(const v1::RunEvent& event);

// JSON of verbs/plan.h. Errors: kInput.
[[nodiscard]] Expected<PairPlan> plan_from_text(const std::string& text);
// JSON of verbs/collective/spec.h; nullopt of an empty text. Errors: kInput.
[[nodiscard]] Expected<std::optional<CollectiveSpec>> collective_from_text(const std::string& text);

}  // namespace weft::verbs
