#include "verbs/collective/host_mesh.h"

namespace weft::verbs {

HostMesh::HostMesh(std::unique_ptr<JoinedMesh> outside, std::size_t bytes, MemorySwitch& inside, std::uint32_t rank,
                   std::uint32_t first, std::uint32_t count)
    : outside_(std::move(outside)),
      memory_(outside_ == nullptr ? bytes : 0),
      inside_(inside),
      rank_(rank),
      first_(first),
      count_(count) {}

Expected<void> HostMesh::connect() { return outside_ != nullptr ? outside_->connect() : Expected<void>(); }

std::span<std::byte> HostMesh::memory() { return outside_ != nullptr ? outside_->memory() : memory_; }

Expected<void> HostMesh::exchange(std::span<const Send> sends, std::span<const Receive> receives) {
  sends_.clear();
  receives_.clear();
  for (const Send& send : sends) {
    if (is_here(send.peer))
      inside_.put(rank_, send.peer, send.bytes);
    else
      sends_.push_back(send);
  }
  for (const Receive& receive : receives)
    if (!is_here(receive.peer)) receives_.push_back(receive);
  if (!sends_.empty() || !receives_.empty())
    if (auto done = outside_->exchange(sends_, receives_); !done) return done;
  for (const Receive& receive : receives)
    if (is_here(receive.peer))
      if (auto got = inside_.get(receive.peer, rank_, receive.bytes); !got) return got;
  return {};
}

}  // namespace weft::verbs
