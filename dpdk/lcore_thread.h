// Threads that DPDK knows: they have an lcore id, and with it caches of the buffer pools.
#pragma once

#include <functional>
#include <thread>

namespace weft::dpdk {

// Runs `work(true)` on a thread of its own, on the CPUs of worker lcore number `index` (-l) where there are so many,
// else on any of EAL's; work(false) where DPDK does not take the thread.
[[nodiscard]] std::thread start_lcore_thread(unsigned index, std::function<void(bool)> work);

}  // namespace weft::dpdk
