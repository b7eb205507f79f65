// One EAL for a test program: DPDK can be started once a process.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "dpdk/eal.h"

namespace weft::dpdk::testing {

// Unprivileged, without huge pages. Ports: net_ring0 and net_ring1, each looped on itself; net_null0; net_null1 with
// frames of 4,200 bytes. Started on first use, never ended: EAL's memory must outlive every test.
inline const Eal& eal() {
  static const Expected<Eal>* started = [] {
    return new Expected<Eal>(
        Eal::start({"--no-huge", "--no-shconf", "-m", "512", "--no-pci", "--no-telemetry", "--file-prefix",
                    "weft_test_" + std::to_string(getpid()), "--vdev", "net_ring0", "--vdev", "net_ring1", "--vdev",
                    "net_null0", "--vdev", "net_null1,size=4200"}));
  }();
  if (!*started) {
    ADD_FAILURE() << (*started).error().text();
    std::abort();
  }
  return **started;
}

}  // namespace weft::dpdk::testing
