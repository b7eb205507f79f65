#include "fabric/topology.h"

#include <algorithm>

namespace weft {

Topology::Topology(FabricSpec spec)
    : spec_(std::move(spec)),
      gpus_(spec_.gpu_count()),
      ports_(spec_.hosts.count * spec_.hosts.nics * spec_.hosts.ports_per_nic),
      ports_per_gpu_(std::max(1U, spec_.hosts.nics / spec_.hosts.gpus) * spec_.hosts.ports_per_nic) {}

PortId Topology::port_of(GpuId gpu, std::uint32_t k) const {
  WEFT_DCHECK(k < ports_per_gpu_);
  const HostsSpec& h = spec_.hosts;
  const std::uint32_t host = gpu.value / h.gpus;
  const std::uint32_t place = gpu.value % h.gpus;
  // nics >= gpus: GPU i owns NICs [i*nics/gpus, ...); else several GPUs share NIC i*nics/gpus.
  const std::uint32_t first_nic = static_cast<std::uint32_t>(static_cast<std::uint64_t>(place) * h.nics / h.gpus);
  const std::uint32_t nic = first_nic + k / h.ports_per_nic;
  return PortId{(host * h.nics + nic) * h.ports_per_nic + k % h.ports_per_nic};
}

std::uint32_t Topology::nic_of(PortId port) const { return port.value / spec_.hosts.ports_per_nic % spec_.hosts.nics; }

std::uint32_t Topology::rail_of(PortId port) const { return nic_of(port) % spec_.hosts.rails; }

}  // namespace weft
