// A rank of a host with several: the host's own by copies in memory, all others over the network.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "verbs/collective/join.h"
#include "verbs/collective/memory_mesh.h"

namespace weft::verbs {

class HostMesh final : public JoinedMesh {
 public:
  // Ranks [first, first + count) are here. `outside` is null where there are no others; then `bytes` are its memory.
  HostMesh(std::unique_ptr<JoinedMesh> outside, std::size_t bytes, MemorySwitch& inside, std::uint32_t rank,
           std::uint32_t first, std::uint32_t count);
  [[nodiscard]] Expected<void> connect() override;
  [[nodiscard]] std::span<std::byte> memory() override;
  // What the host's own ranks get leaves first and is waited for last, so that both ways run side by side.
  [[nodiscard]] Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) override;

 private:
  [[nodiscard]] bool is_here(std::uint32_t rank) const { return rank - first_ < count_; }

  std::unique_ptr<JoinedMesh> outside_;
  std::vector<std::byte> memory_;
  MemorySwitch& inside_;
  std::uint32_t rank_, first_, count_;
  std::vector<Send> sends_;
  std::vector<Receive> receives_;
};

}  // namespace weft::verbs
