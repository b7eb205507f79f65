// Fabrics of the examples: hosts of one GPU and one 100G NIC.
#pragma once

#include <cstdint>
#include <string>

#include "fabric/spec.h"

namespace weft::packet::examples {

inline FabricSpec one_nic_hosts(const std::string& name, std::uint32_t hosts) {
  FabricSpec spec;
  spec.name = name;
  spec.hosts.count = hosts;
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.rails = spec.hosts.scale_up.domain_gpus = 1;
  spec.hosts.nic_rate = Rate::gbps(100);
  return spec;
}

// Two tiers without oversubscription: radix / 2 hosts a leaf.
inline FabricSpec fat_tree(const std::string& name, std::uint32_t hosts, std::uint32_t radix) {
  FabricSpec spec = one_nic_hosts(name, hosts);
  spec.switches.leaf_radix = spec.switches.spine_radix = spec.switches.core_radix = radix;
  return spec;
}

}  // namespace weft::packet::examples
