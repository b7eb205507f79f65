#include "verbs/collective/memory_mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace weft::verbs {

void MemorySwitch::put(std::uint32_t from, std::uint32_t to, std::span<const std::byte> bytes) {
  if (gbits_ > 0) {
    Clock::time_point until;
    {
      const std::scoped_lock lock(mutex_);
      Clock::time_point& free = free_at_[from];
      const std::chrono::duration<double> takes(static_cast<double>(bytes.size()) * 8 / (gbits_ * 1e9));
      free = std::max(free, Clock::now()) + std::chrono::duration_cast<Clock::duration>(takes);
      until = free;
    }
    std::this_thread::sleep_until(until);
  }
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  const std::scoped_lock lock(mutex_);
  boxes_[{from, to}].push_back(std::move(copy));
  arrived_.notify_all();
}

Expected<void> MemorySwitch::get(std::uint32_t from, std::uint32_t to, std::span<std::byte> bytes) {
  std::unique_lock lock(mutex_);
  auto& box = boxes_[{from, to}];
  if (!arrived_.wait_for(lock, patience_, [&] { return !box.empty(); }))
    return environment_error(fmt::format("rank {} got nothing from rank {} in time", to, from));
  const std::vector<std::byte> message = std::move(box.front());
  box.pop_front();
  lock.unlock();
  if (message.size() != bytes.size())
    return environment_error(
        fmt::format("rank {} got {} B from rank {} and expected {}", to, message.size(), from, bytes.size()));
  std::ranges::copy(message, bytes.begin());
  return {};
}

Expected<void> MemoryMesh::exchange(std::span<const Send> sends, std::span<const Receive> receives) {
  for (const Send& send : sends) between_.put(rank_, send.peer, send.bytes);
  for (const Receive& receive : receives)
    if (auto got = between_.get(receive.peer, rank_, receive.bytes); !got) return got;
  return {};
}

}  // namespace weft::verbs
