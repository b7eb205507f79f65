// The fields of a fabric file as ns-3 attributes, made from the one description of them (topologies/spec_fields.h):
// `transport.dcqcn.rpg_ai_rate` is TransportDcqcnRpgAiRate. Lists (failures, explicit switches and links) and prices
// have no attribute.
#pragma once

#include <ns3/type-id.h>

#include <string>
#include <string_view>
#include <vector>

#include "fabric/spec.h"

namespace weft::packet {

// An ns3::Object whose attributes are those of a spec.
class SpecHolder {
 public:
  virtual ~SpecHolder() = default;
  virtual const FabricSpec& GetSpec() const = 0;

 protected:
  friend struct SpecAccess;
  // Null when it is too late: setting an attribute then fails.
  virtual FabricSpec* editable_spec() = 0;
};

// "switch.ecn.kmin" -> "SwitchEcnKmin".
[[nodiscard]] std::string attribute_name(std::string_view key_path);

struct SpecAttribute {
  std::string name, key_path;
};
// In the order of the fabric file.
[[nodiscard]] std::vector<SpecAttribute> spec_attributes();

// Adds them all to the TypeId of a class that is a SpecHolder. Types: bool BooleanValue; whole numbers and bytes
// UintegerValue; real DoubleValue; rates DataRateValue; durations TimeValue; choices EnumValue; text StringValue. A
// field that may be absent (its default is derived) is absent at 0bps, a negative time, and -1 of an IntegerValue.
ns3::TypeId add_spec_attributes(ns3::TypeId tid);

// Fields with an attribute that `from` has otherwise than a default spec go to `to`.
void copy_changed_fields(const FabricSpec& from, FabricSpec& to);

}  // namespace weft::packet
