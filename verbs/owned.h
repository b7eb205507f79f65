// Owners of what libibverbs and librdmacm hand out: given back when they go, in the reverse order of their making.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include <memory>
#include <string>

#include "fabric/error.h"
#include "verbs/memory_kind.h"

namespace weft::verbs {

// Gives back; a refusal is logged on stderr, for a destructor cannot return it.
struct GiveBack {
  void operator()(ibv_context* p) const noexcept;
  void operator()(ibv_pd* p) const noexcept;
  void operator()(ibv_cq* p) const noexcept;
  void operator()(ibv_comp_channel* p) const noexcept;
  void operator()(ibv_mr* p) const noexcept;
  void operator()(ibv_qp* p) const noexcept;
  void operator()(ibv_srq* p) const noexcept;
  void operator()(ibv_ah* p) const noexcept;
  void operator()(ibv_xrcd* p) const noexcept;
  void operator()(rdma_event_channel* p) const noexcept;
  void operator()(rdma_cm_id* p) const noexcept;
};

template <typename T>
using Owned = std::unique_ptr<T, GiveBack>;

// A call that the system refused, with errno's or the call's reason. Known reasons bring their way out.
[[nodiscard]] tl::unexpected<Error> refused(const std::string& what, const std::string& item, int error);

// Page-aligned memory, registered for local and remote access of every kind that the device has.
// Errors: kEnvironment, with the limit of locked memory where that is why.
class Memory {
 public:
  [[nodiscard]] static Expected<Memory> registered(ibv_pd* pd, std::size_t size, int access);

  // A dma-buf's. Errors: kEnvironment: the device or its driver takes none.
  [[nodiscard]] static Expected<Memory> imported(ibv_pd* pd, std::unique_ptr<ExportedMemory> exported, std::size_t size,
                                                 int access);

  // As the device is told; to be read and written here only where mapped().
  [[nodiscard]] std::byte* data() const { return mapped() ? bytes_.get() : exported_->address(); }
  [[nodiscard]] bool mapped() const { return exported_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint32_t lkey() const { return mr_->lkey; }
  [[nodiscard]] std::uint32_t rkey() const { return mr_->rkey; }

 private:
  struct Unmap {
    void operator()(std::byte* p) const noexcept;
    std::size_t size;
    Unmap() : size(0) {}
    explicit Unmap(std::size_t bytes) : size(bytes) {}
  };
  std::unique_ptr<std::byte, Unmap> bytes_;
  std::unique_ptr<ExportedMemory> exported_;  // instead
  std::size_t size_ = 0;
  Owned<ibv_mr> mr_;
};

}  // namespace weft::verbs
