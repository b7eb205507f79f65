#include "verbs/collective/memory_mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace weft::verbs {
namespace {

constexpr std::chrono::milliseconds kSlice{50};  // between looks at a stop

tl::unexpected<Error> interrupted_error() {
  return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
}

}  // namespace

void MemorySwitch::put(std::uint32_t from, std::uint32_t to, std::span<const std::byte> bytes) {
  Message message{{}, {bytes.begin(), bytes.end()}};
  const std::scoped_lock lock(mutex_);
  if (gbits_ > 0) {
    Clock::time_point& free = free_at_[from];
    const std::chrono::duration<double> takes(static_cast<double>(bytes.size()) * 8 / (gbits_ * 1e9));
    free = std::max(free, Clock::now()) + std::chrono::duration_cast<Clock::duration>(takes);
    message.arrives = free;
  }
  boxes_[{from, to}].push_back(std::move(message));
  arrived_.notify_all();
}

Expected<void> MemorySwitch::get(std::uint32_t from, std::uint32_t to, std::span<std::byte> bytes) {
  std::unique_lock lock(mutex_);
  auto& box = boxes_[{from, to}];
  const auto deadline = Clock::now() + patience_;
  while (box.empty()) {
    if (stopped()) return interrupted_error();
    if (Clock::now() >= deadline)
      return environment_error(fmt::format("rank {} got nothing from rank {} in time", to, from));
    arrived_.wait_for(lock, std::min<Clock::duration>(kSlice, deadline - Clock::now()));
  }
  const Message message = std::move(box.front());
  box.pop_front();
  lock.unlock();
  while (Clock::now() < message.arrives) {
    if (stopped()) return interrupted_error();
    std::this_thread::sleep_until(std::min(message.arrives, Clock::now() + kSlice));
  }
  if (message.bytes.size() != bytes.size())
    return environment_error(
        fmt::format("rank {} got {} B from rank {} and expected {}", to, message.bytes.size(), from, bytes.size()));
  std::ranges::copy(message.bytes, bytes.begin());
  return {};
}

Expected<void> MemoryMesh::exchange(std::span<const Send> sends, std::span<const Receive> receives) {
  for (const Send& send : sends) between_.put(rank_, send.peer, send.bytes);
  for (const Receive& receive : receives)
    if (auto got = between_.get(receive.peer, rank_, receive.bytes); !got) return got;
  return {};
}

}  // namespace weft::verbs
