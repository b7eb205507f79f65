#include "dpdk/template_pool.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace weft::dpdk {
namespace {

constexpr std::size_t kShortestFrame = 60;  // of Ethernet, without FCS
constexpr unsigned kCache = 256;

Expected<Pool> make_pool(const std::string& name, std::uint32_t count, std::size_t bytes) {
  const auto room = static_cast<std::uint16_t>(std::min<std::size_t>(UINT16_MAX, RTE_PKTMBUF_HEADROOM + bytes));
  Pool pool(rte_pktmbuf_pool_create(name.c_str(), count, kCache, 0, room, SOCKET_ID_ANY));
  if (!pool)
    return environment_error("no memory for packet buffers",
                             fmt::format("{} of {} bytes: {}", count, room, rte_strerror(rte_errno)),
                             "more for DPDK, as -- --no-huge --no-shconf -m 1024");
  return pool;
}

void fill(rte_mempool* /*pool*/, void* frame, void* object, unsigned /*index*/) {
  const auto& bytes = *static_cast<const std::span<const std::uint8_t>*>(frame);
  auto* mbuf = static_cast<rte_mbuf*>(object);
  const std::size_t size = std::max(bytes.size(), kShortestFrame);
  auto* data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(data, bytes.data(), bytes.size());
  std::memset(data + bytes.size(), 0, size - bytes.size());
  mbuf->data_len = static_cast<std::uint16_t>(size);
  mbuf->pkt_len = static_cast<std::uint32_t>(size);
}

}  // namespace

void FreePool::operator()(rte_mempool* pool) const { rte_mempool_free(pool); }

Expected<Pool> make_template_pool(const std::string& name, std::uint32_t count, std::span<const std::uint8_t> frame) {
  auto pool = make_pool(name, count, std::max(frame.size(), kShortestFrame));
  if (!pool) return pool;
  // Not by taking all and giving them back: what lies in the caches of other cores would be missed.
  rte_mempool_obj_iter(pool->get(), fill, &frame);
  return pool;
}

Expected<Pool> make_empty_pool(const std::string& name, std::uint32_t count, std::uint32_t largest_frame) {
  return make_pool(name, count, largest_frame);
}

bool wait_until_full(const rte_mempool* pool) {
  for (int wait = 0; wait < 200; ++wait) {
    if (rte_mempool_full(pool) == 1) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace weft::dpdk
