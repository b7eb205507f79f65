// Runs a Program on real data over whatever joins the ranks, and checks the result exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "verbs/collective/program.h"

namespace weft::verbs {

enum class DataType : std::uint8_t { kInt32, kFloat };  // 4 bytes each
constexpr std::uint64_t kElementSize = 4;
[[nodiscard]] const char* to_text(DataType type);
// "int32", "float". Errors: kInput.
[[nodiscard]] Expected<DataType> parse_data_type(const std::string& text);

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

// REQUIRES: memory holds program.memory() elements.
[[nodiscard]] Expected<void> execute(const Program& program, DataType type, std::span<std::byte> memory, Mesh& mesh);

// Values are whole numbers so small that sums over all ranks are exact in either type.
void fill(const Schedule& schedule, std::uint32_t rank, std::uint64_t count, DataType type, std::uint32_t root,
          std::span<std::byte> memory);
// Elements that differ from what the collective promises.
[[nodiscard]] std::uint64_t count_wrong(const Schedule& schedule, std::uint32_t rank, std::uint64_t count,
                                        DataType type, std::uint32_t root, std::span<const std::byte> memory);

}  // namespace weft::verbs
