// Packet buffers that hold a frame before they are first taken, so that a sender touches only what changes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "fabric/error.h"

struct rte_mempool;
struct rte_mbuf;

namespace weft::dpdk {

struct FreePool {
  void operator()(rte_mempool* pool) const;
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

// `count` buffers, each with `frame`, padded with zeros to what Ethernet needs. Never give it to a receive queue, and
// free it after all its buffers came back. Errors: no memory.
[[nodiscard]] Expected<Pool> make_template_pool(const std::string& name, std::uint32_t count,
                                                std::span<const std::uint8_t> frame);
// Empty buffers of `largest_frame` bytes.
[[nodiscard]] Expected<Pool> make_empty_pool(const std::string& name, std::uint32_t count, std::uint32_t largest_frame);

// Waits until all buffers came back, for 200 ms at most, and says whether they did.
[[nodiscard]] bool wait_until_full(const rte_mempool* pool);

}  // namespace weft::dpdk
