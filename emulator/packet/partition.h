// Which process simulates what: a fabric cut by pods.
#pragma once

#include <cstdint>
#include <vector>

#include "fabric/error.h"
#include "fabric/topology.h"

namespace weft::packet {

// A pod is what hangs together by short cables: hosts with their scale-up domains and leaves and, in three tiers, the
// spines too. Where that is fewer pods than parts, leaves with their hosts. Pods in order of their hosts go to the
// parts, as even in hosts as pods allow; what is above pods is dealt out evenly.
class Partition {
 public:
  // Errors: kInput where the fabric cannot be cut into so many parts. REQUIRES: parts >= 1.
  [[nodiscard]] static Expected<Partition> by_pod(const Topology& topology, std::uint32_t parts);

  [[nodiscard]] std::uint32_t parts() const { return parts_; }
  [[nodiscard]] std::uint32_t part_of(HostId host) const { return hosts_[host.value]; }
  [[nodiscard]] std::uint32_t part_of(NodeRef node) const;
  // The ends of the cable are in different parts.
  [[nodiscard]] bool crosses(LinkId link) const;

 private:
  struct Pods;
  Partition(const Topology& topology, std::uint32_t parts, const Pods& pods);
  [[nodiscard]] static Pods find_pods(const Topology& topology, bool with_spines);

  const Topology* topology_;
  std::uint32_t parts_;
  std::vector<std::uint16_t> hosts_, leaves_, spines_, cores_;
};

}  // namespace weft::packet
