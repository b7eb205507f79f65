// What a NIC port can reach: today, over the cables that are alive, and ever, in the fabric as built.
#pragma once

#include <cstdint>
#include <vector>

#include "fabric/topology.h"

namespace weft {

// A set of cables as bits; no memory while nothing was ever in it.
class CableSet {
 public:
  // False where it was there already; where it was not there.
  bool insert(std::uint32_t cable) {
    if (contains(cable)) return false;
    if (cable / 64 >= bits_.size()) bits_.resize(cable / 64 + 1);
    bits_[cable / 64] |= std::uint64_t{1} << (cable % 64);
    ++size_;
    return true;
  }
  bool erase(std::uint32_t cable) {
    if (!contains(cable)) return false;
    bits_[cable / 64] &= ~(std::uint64_t{1} << (cable % 64));
    --size_;
    return true;
  }
  [[nodiscard]] bool contains(std::uint32_t cable) const {
    return cable / 64 < bits_.size() && (bits_[cable / 64] >> (cable % 64) & 1U) != 0;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  std::vector<std::uint64_t> bits_;
  std::uint32_t size_ = 0;
};

// Cables are alive or dead both ways. A cable that is only slower is alive: switches do not know.
class Reachability {
 public:
  virtual ~Reachability() = default;

  // Could the ports reach one another in the fabric without failures?
  [[nodiscard]] virtual bool joined(PortId from, PortId to) const = 0;
  // On the same rail of the same plane?
  [[nodiscard]] virtual bool aligned(PortId from, PortId to) const = 0;
  // Is there a path today, host links aside?
  [[nodiscard]] virtual bool reachable(PortId from, PortId to) const = 0;
  // A cable of any tier dies or comes back. Not while another thread asks.
  virtual void set_cable(std::uint32_t cable, bool alive) = 0;

  [[nodiscard]] bool alive(std::uint32_t cable) const { return !dead_.contains(cable); }
  [[nodiscard]] const CableSet& dead() const { return dead_; }

 protected:
  CableSet dead_;
};

}  // namespace weft
