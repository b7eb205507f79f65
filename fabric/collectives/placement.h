// Placement: which GPU each rank runs on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"
#include "fabric/ids.h"

namespace weft {

enum class MappingKind : std::uint8_t {
  kPacked,   // rank r on GPU r
  kStrided,  // ranks on GPUs 0, s, 2s, ..., then 1, s+1, ...: every GPU once
  kRandom,   // the first ranks of a seeded permutation of all GPUs
  kFile,     // one GPU index a line
};

// What a user asks for. `text` is the content of the mapping file: reading files is the caller's work.
struct Mapping {
  MappingKind kind = MappingKind::kPacked;
  std::uint32_t stride =
      1;  // kStrided: 1 <= stride <= GPUs; the GPUs of a host put consecutive ranks on consecutive hosts
  std::uint64_t seed = 1;  // kRandom
  std::string file;        // kFile: its name, for error messages
  std::string text;        // kFile: one GPU index a line; blank lines and what follows a # are ignored
};

// An injective map from ranks to GPUs, cheap to copy. Packed and strided are arithmetic; random and file hold a
// table of 4 bytes a rank.
class Placement {
 public:
  [[nodiscard]] std::uint32_t ranks() const { return ranks_; }
  [[nodiscard]] std::uint32_t gpus() const { return gpus_; }

  // REQUIRES: rank < ranks().
  [[nodiscard]] GpuId gpu_of(Rank rank) const {
    WEFT_DCHECK(rank.value < ranks_);
    if (table_) return GpuId{(*table_)[rank.value]};
    if (stride_ == 1) return GpuId{rank.value};
    return strided(rank.value);
  }

 private:
  friend Expected<Placement> make_placement(const Mapping& mapping, std::uint32_t ranks, std::uint32_t gpus);
  [[nodiscard]] GpuId strided(std::uint32_t rank) const;

  std::uint32_t ranks_ = 0, gpus_ = 0;
  std::uint32_t stride_ = 1;
  std::shared_ptr<const std::vector<std::uint32_t>> table_;
};

// Errors (kInput): no ranks, more ranks than GPUs, stride out of range; in a mapping file, with its line: not a number,
// GPU out of range, GPU named twice, fewer lines than ranks. Lines beyond `ranks` are checked and not used.
[[nodiscard]] Expected<Placement> make_placement(const Mapping& mapping, std::uint32_t ranks, std::uint32_t gpus);

}  // namespace weft
