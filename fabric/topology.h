// Topology: the fabric as nodes and directed links, by index. A regular fabric computes everything
// from indices and stores only what deviates; an imported one is a graph behind the same interface.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/ids.h"
#include "fabric/spec.h"

namespace weft {

// A node by kind and index within that kind over the whole fabric (all planes).
struct NodeRef {
  NodeKind kind = NodeKind::kGpu;
  std::uint32_t index = 0;
  bool operator==(const NodeRef&) const = default;
};

struct LinkEnds {
  NodeRef from, to;
};

// Numbering shared by every topology.
//   GPU g                 host g / gpus, place g % gpus
//   port (h, nic, j)      (h * nics + nic) * ports_per_nic + j
//   directed links        cable = id / 2; even id: up (GPU -> switch, port -> leaf, leaf -> spine, spine -> core);
//                         odd id: down. id ^ 1 is the same cable the other way.
//     scale-up            cables [0, gpus), one a GPU; none where the domain is one GPU
//     host                next, one a NIC port (an unconnected spare port has no cable id gap: every port has one)
//     leaf_spine, spine_core   next, in this order
class Topology {
 public:
  explicit Topology(FabricSpec spec);
  virtual ~Topology() = default;
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  [[nodiscard]] const FabricSpec& spec() const { return spec_; }

  [[nodiscard]] std::uint32_t gpu_count() const { return gpus_; }
  [[nodiscard]] std::uint32_t host_count() const { return spec_.hosts.count; }
  [[nodiscard]] std::uint32_t port_count() const { return ports_; }
  [[nodiscard]] HostId host_of(GpuId gpu) const { return HostId{gpu.value / spec_.hosts.gpus}; }
  [[nodiscard]] std::uint32_t domain_of(GpuId gpu) const { return gpu.value / spec_.hosts.scale_up.domain_gpus; }
  [[nodiscard]] bool same_domain(GpuId a, GpuId b) const { return domain_of(a) == domain_of(b); }
  // The NIC ports a GPU sends from: its own NICs' ports, or the shared NIC's where GPUs share one.
  [[nodiscard]] std::uint32_t ports_per_gpu() const { return ports_per_gpu_; }
  [[nodiscard]] PortId port_of(GpuId gpu, std::uint32_t k) const;
  [[nodiscard]] std::uint32_t nic_of(PortId port) const;   // within its host
  [[nodiscard]] std::uint32_t rail_of(PortId port) const;  // NIC % rails

  // Directed links; ids are dense.
  [[nodiscard]] virtual std::uint32_t link_count() const = 0;
  [[nodiscard]] bool has_scale_up() const { return spec_.hosts.scale_up.domain_gpus > 1; }
  [[nodiscard]] std::uint32_t first_host_link() const { return has_scale_up() ? 2 * gpus_ : 0; }
  [[nodiscard]] std::uint32_t first_fabric_link() const { return first_host_link() + 2 * ports_; }
  [[nodiscard]] LinkId scale_up_link(GpuId gpu, bool down) const { return LinkId{2 * gpu.value + (down ? 1U : 0U)}; }
  [[nodiscard]] LinkId host_link(PortId port, bool down) const {
    return LinkId{first_host_link() + 2 * port.value + (down ? 1U : 0U)};
  }

  [[nodiscard]] virtual LinkTier tier(LinkId link) const = 0;
  // Rate with failures and degradations applied, in bits/s; 0 when dead.
  [[nodiscard]] virtual Rate rate(LinkId link) const = 0;
  [[nodiscard]] virtual Duration delay(LinkId link) const = 0;  // propagation only
  [[nodiscard]] virtual LinkEnds ends(LinkId link) const = 0;

  [[nodiscard]] virtual std::uint32_t switch_count(NodeKind kind) const = 0;  // kLeaf, kSpine, kCore
  [[nodiscard]] virtual std::uint32_t plane_count() const { return 1; }

  // Names a person can find on the cabling plan: "gpu17", "host3.nic1.port0", "leaf4", "p1.spine7";
  // a directed link is "FROM>TO", with "#i" behind it where links are parallel.
  [[nodiscard]] virtual std::string name(NodeRef node) const = 0;
  [[nodiscard]] virtual std::string name(LinkId link) const = 0;
  // nullopt when no such link or switch.
  [[nodiscard]] virtual std::optional<LinkId> find_link(std::string_view name) const = 0;
  [[nodiscard]] virtual std::optional<NodeRef> find_node(std::string_view name) const = 0;

 private:
  FabricSpec spec_;
  std::uint32_t gpus_;
  std::uint32_t ports_;
  std::uint32_t ports_per_gpu_;
};

}  // namespace weft
