// Objects by 32-bit index at fixed addresses: the address space is reserved once, memory comes with first use.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "fabric/error.h"

namespace weft::packet {

inline constexpr std::uint32_t kNone = 0xFFFFFFFFU;

// Indices are handed out last in, first out, so that what was just freed, and is still cached, is used next.
// REQUIRES: T is trivially destructible, and the first four bytes of a freed T may be overwritten.
template <typename T>
class Arena {
 public:
  // Throws std::bad_alloc where the address space is refused.
  explicit Arena(std::uint32_t capacity) : capacity_(capacity) {
    void* at = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    // Objects are reached at random: without large pages each one is a miss of the address translation too. As a hint.
    madvise(at, bytes(), MADV_HUGEPAGE);
    base_ = static_cast<T*>(at);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    if (base_ != nullptr) munmap(static_cast<void*>(base_), bytes());
  }
  // Leaves the memory to the end of the program: someone still holds pointers into it.
  void abandon() { base_ = nullptr; }

  // Memory as it is: the caller writes every field. Throws std::bad_alloc beyond the capacity.
  [[nodiscard]] std::uint32_t take() {
    if (free_ != kNone) {
      const std::uint32_t index = free_;
      free_ = next_free(index);
      ++live_;
      return index;
    }
    if (used_ == capacity_) throw std::bad_alloc();
    ++live_;
    return used_++;
  }
  void give(std::uint32_t index) {
    *reinterpret_cast<std::uint32_t*>(static_cast<void*>(base_ + index)) = free_;
    free_ = index;
    --live_;
  }
  [[nodiscard]] T& operator[](std::uint32_t index) { return base_[index]; }
  [[nodiscard]] const T& operator[](std::uint32_t index) const { return base_[index]; }
  [[nodiscard]] std::uint32_t index_of(const T& object) const { return static_cast<std::uint32_t>(&object - base_); }
  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] std::uint32_t high_water() const { return used_; }

 private:
  [[nodiscard]] std::size_t bytes() const { return sizeof(T) * static_cast<std::size_t>(capacity_); }
  [[nodiscard]] std::uint32_t next_free(std::uint32_t index) const {
    return *reinterpret_cast<const std::uint32_t*>(static_cast<const void*>(base_ + index));
  }

  T* base_ = nullptr;
  std::uint32_t capacity_;
  std::uint32_t used_ = 0, live_ = 0, free_ = kNone;
};

}  // namespace weft::packet
