// DPDK's own sender as a peer: dpdk-testpmd in a process of its own, started once and made to send for a while at a
// time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace weft::bench {

class TestpmdPeer {
 public:
  // Frames of `size` bytes on a net_null of its own. running() is false where there is no dpdk-testpmd.
  explicit TestpmdPeer(unsigned size);
  TestpmdPeer(const TestpmdPeer&) = delete;
  TestpmdPeer& operator=(const TestpmdPeer&) = delete;
  ~TestpmdPeer();

  [[nodiscard]] bool running() const { return pid_ > 0; }
  // Sends for that long. ns of its forwarding thread's CPU time a packet; 0 where it failed.
  [[nodiscard]] double measure(double seconds);

 private:
  // What it prints until `text`, or the time is over.
  [[nodiscard]] std::string read_until(const std::string& text, double seconds);
  void write(const std::string& line) const;
  [[nodiscard]] double worker_cpu_ns() const;

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
};

}  // namespace weft::bench
