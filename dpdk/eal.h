// DPDK's environment: started once a process, ended with the object.
#pragma once

#include <string>
#include <vector>

#include "fabric/error.h"

namespace weft::dpdk {

// Version of the DPDK that is linked, "DPDK 22.11.11".
[[nodiscard]] std::string version();

// EAL arguments as they follow `--` on the command line.
// Errors: kEnvironment with EAL's reason (huge pages, permissions, unknown option) and the way out.
class Eal {
 public:
  [[nodiscard]] static Expected<Eal> start(const std::vector<std::string>& arguments);
  Eal(Eal&& other) noexcept : started_(other.started_) { other.started_ = false; }
  Eal& operator=(Eal&&) = delete;
  ~Eal();

 private:
  Eal() = default;
  bool started_ = true;
};

}  // namespace weft::dpdk
