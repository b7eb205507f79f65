// What the fields of a FabricSpec must satisfy together; bounds of single fields are the reader's.
#pragma once

#include <optional>
#include <string>

#include "fabric/spec.h"

namespace weft {

// `path` is the offending field, as "failures.2.count".
struct SpecFault {
  std::string path;
  std::string message;
  std::string item;  // empty: what the user wrote at path
  std::string way_out;
};

// The first fault, nullopt when the spec is sound. Whether a fabric is connected is for the topology to say.
[[nodiscard]] std::optional<SpecFault> find_fault(const FabricSpec& spec);

}  // namespace weft
