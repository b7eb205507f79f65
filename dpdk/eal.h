// DPDK's environment: started once a process, ended with the object.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fabric/error.h"

namespace weft::dpdk {

// Version of the DPDK that is linked, "DPDK 22.11.11".
[[nodiscard]] std::string version();

// The arguments, and before them what a user who says nothing of memory and devices needs: to do without huge pages
// where none are usable, and without PCI where only vdevs are named.
[[nodiscard]] std::vector<std::string> with_defaults(const std::vector<std::string>& arguments, bool huge_pages_usable);
// Whether huge pages are free and this user may map them.
[[nodiscard]] bool huge_pages_usable();

// The last line of EAL's log that tells of a failure, without its prefix; empty where there is none.
[[nodiscard]] std::string reason_in(const std::string& log);

// Whether ports of this driver are neither stopped nor closed: that is left to the process's end.
[[nodiscard]] bool ends_with_process(const char* driver);

// EAL arguments as they follow `--` on the command line, with_defaults().
// Errors: kEnvironment with EAL's reason (huge pages, permissions, unknown option) and the way out.
class Eal {
 public:
  [[nodiscard]] static Expected<Eal> start(const std::vector<std::string>& arguments);
  Eal(Eal&& other) noexcept : started_(other.started_), log_(std::move(other.log_)) { other.started_ = false; }
  Eal& operator=(Eal&&) = delete;
  ~Eal();

  // What EAL and drivers said while they started: why a port that was asked for is not there.
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  explicit Eal(std::string log) : log_(std::move(log)) {}
  bool started_ = true;
  std::string log_;
};

}  // namespace weft::dpdk
