// Where messages stand: the host's own memory, or memory that something else owns and exports as a dma-buf, such as a
// GPU's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "fabric/error.h"

namespace weft::verbs {

struct MemoryKind {
  enum class Owner : std::uint8_t { kHost, kCuda };
  Owner owner = Owner::kHost;
  int device = 0;  // of CUDA, as CUDA_VISIBLE_DEVICES leaves them
};

// "host", "dmabuf:cuda", "dmabuf:cuda:1". Errors: kInput.
[[nodiscard]] Expected<MemoryKind> parse_memory_kind(const std::string& text);

// Memory with the file descriptor that a device can be given; both go with it.
class ExportedMemory {
 public:
  ExportedMemory() = default;
  ExportedMemory(const ExportedMemory&) = delete;
  ExportedMemory& operator=(const ExportedMemory&) = delete;
  virtual ~ExportedMemory() = default;

  [[nodiscard]] std::byte* address() const { return address_; }  // of its owner: not to be read or written here
  [[nodiscard]] int descriptor() const { return descriptor_; }

 protected:
  std::byte* address_ = nullptr;
  int descriptor_ = -1;
};

// REQUIRES: not the host's. Errors: kInput: no such GPU; kEnvironment: no driver, no dma-buf
// support, out of memory.
[[nodiscard]] Expected<std::unique_ptr<ExportedMemory>> export_memory(const MemoryKind& kind, std::size_t size);

}  // namespace weft::verbs
