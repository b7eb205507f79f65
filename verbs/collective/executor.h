// Runs a Program on real data over whatever joins the ranks, and checks the result exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "verbs/collective/data_type.h"
#include "verbs/collective/program.h"

namespace weft::verbs {

// What joins a rank to its peers.
class Mesh {
 public:
  struct Send {
    std::uint32_t peer = 0;
    std::span<const std::byte> bytes;
  };
  struct Receive {
    std::uint32_t peer = 0;
    std::span<std::byte> bytes;
  };
  virtual ~Mesh() = default;
  // All at once; returns when all sends are done with their bytes and all receives are there. Bounded.
  [[nodiscard]] virtual Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) = 0;
};

// REQUIRES: memory holds program.memory() elements, aligned as the type.
[[nodiscard]] Expected<void> execute(const Program& program, Reduction reduction, std::span<std::byte> memory,
                                     Mesh& mesh);

// What a rank begins with: values whose reduction is exact (data_type.h).
void fill(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, Reduction reduction, std::uint32_t root,
          std::span<std::byte> memory);
// Elements that differ from what the collective promises.
[[nodiscard]] std::uint64_t count_wrong(const Schedule& schedule, std::uint32_t rank, std::uint64_t count,
                                        Reduction reduction, std::uint32_t root, std::span<const std::byte> memory);

}  // namespace weft::verbs
