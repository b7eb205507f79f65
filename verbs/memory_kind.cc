#include "verbs/memory_kind.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <utility>
#include <vector>

namespace weft::verbs {
namespace {

// CUDA's driver API, of which a few calls are enough; loaded when asked for, so that nothing needs it. Signatures: CUDA
// Driver API reference, cuda.h 11.7.
class Cuda final : public ExportedMemory {
 public:
  Expected<void> make(int ordinal, std::size_t size) {
    library_ = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr)
      return environment_error("no CUDA driver on this host", dlerror(), "install it, or use --memory host");
    for (const auto& [name, place] : calls())
      if ((*place = dlsym(library_, name)) == nullptr)
        return environment_error("the CUDA driver is too old for dma-bufs", name, "CUDA 11.7 or later");
    if (auto done = check(cuInit(0), "cannot start CUDA"); !done) return done;
    int count = 0, exports = 0;
    if (auto done = check(cuDeviceGetCount(&count), "cannot count GPUs"); !done) return done;
    if (ordinal >= count)
      return input_error("no such GPU", fmt::format("dmabuf:cuda:{}", ordinal),
                         count == 0 ? "this host has none: --memory host" : fmt::format("0 to {}", count - 1));
    if (auto done = check(cuDeviceGet(&device_, ordinal), "cannot open the GPU"); !done) return done;
    if (auto done = check(cuDeviceGetAttribute(&exports, kDmaBufSupported, device_), "cannot ask the GPU"); !done)
      return done;
    if (exports == 0)
      return environment_error("the GPU's driver exports no dma-bufs", fmt::format("GPU {}", ordinal),
                               "the open kernel modules and a kernel of 5.12 or later do");
    if (auto done = check(cuDevicePrimaryCtxRetain(&context_, device_), "cannot use the GPU"); !done) return done;
    if (auto done = check(cuCtxSetCurrent(context_), "cannot use the GPU"); !done) return done;
    constexpr std::size_t kPage = 65536;  // dma-bufs begin and end at the host's pages, the GPU's are larger
    const std::size_t whole = (size + kPage - 1) / kPage * kPage;
    if (auto done = check(cuMemAlloc_v2(&allocated_, whole + kPage), "cannot allocate GPU memory"); !done) return done;
    const std::uint64_t first = (allocated_ + kPage - 1) / kPage * kPage;
    address_ = reinterpret_cast<std::byte*>(first);  // NOLINT(performance-no-int-to-ptr): the GPU's address
    return check(cuMemGetHandleForAddressRange(&descriptor_, first, whole, kDmaBufFd, 0), "cannot export GPU memory");
  }
  ~Cuda() override {
    if (descriptor_ >= 0) close(descriptor_);
    if (allocated_ != 0) cuMemFree_v2(allocated_);
    if (context_ != nullptr) cuDevicePrimaryCtxRelease_v2(device_);
    // The library stays: it does not like to be unloaded.
  }

 private:
  // cuda.h: CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED, CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD.
  static constexpr int kDmaBufSupported = 124, kDmaBufFd = 1;

  Expected<void> check(int result, const char* what) const {
    if (result == 0) return {};
    const char* text = nullptr;
    if (cuGetErrorString(result, &text) != 0 || text == nullptr) text = "unknown";
    return environment_error(fmt::format("{}: {}", what, text), fmt::format("CUDA error {}", result),
                             "see nvidia-smi; or use --memory host");
  }

  [[nodiscard]] std::vector<std::pair<const char*, void**>> calls() {
    return {{"cuInit", reinterpret_cast<void**>(&cuInit)},
            {"cuGetErrorString", reinterpret_cast<void**>(&cuGetErrorString)},
            {"cuDeviceGetCount", reinterpret_cast<void**>(&cuDeviceGetCount)},
            {"cuDeviceGet", reinterpret_cast<void**>(&cuDeviceGet)},
            {"cuDeviceGetAttribute", reinterpret_cast<void**>(&cuDeviceGetAttribute)},
            {"cuDevicePrimaryCtxRetain", reinterpret_cast<void**>(&cuDevicePrimaryCtxRetain)},
            {"cuDevicePrimaryCtxRelease_v2", reinterpret_cast<void**>(&cuDevicePrimaryCtxRelease_v2)},
            {"cuCtxSetCurrent", reinterpret_cast<void**>(&cuCtxSetCurrent)},
            {"cuMemAlloc_v2", reinterpret_cast<void**>(&cuMemAlloc_v2)},
            {"cuMemFree_v2", reinterpret_cast<void**>(&cuMemFree_v2)},
            {"cuMemGetHandleForAddressRange", reinterpret_cast<void**>(&cuMemGetHandleForAddressRange)}};
  }

  void* library_ = nullptr;
  int device_ = 0;
  void* context_ = nullptr;
  std::uint64_t allocated_ = 0;
  // NOLINTBEGIN(readability-identifier-naming): CUDA's names
  int (*cuInit)(unsigned) = nullptr;
  int (*cuGetErrorString)(int, const char**) = nullptr;
  int (*cuDeviceGetCount)(int*) = nullptr;
  int (*cuDeviceGet)(int*, int) = nullptr;
  int (*cuDeviceGetAttribute)(int*, int, int) = nullptr;
  int (*cuDevicePrimaryCtxRetain)(void**, int) = nullptr;
  int (*cuDevicePrimaryCtxRelease_v2)(int) = nullptr;
  int (*cuCtxSetCurrent)(void*) = nullptr;
  int (*cuMemAlloc_v2)(std::uint64_t*, std::size_t) = nullptr;
  int (*cuMemFree_v2)(std::uint64_t) = nullptr;
  int (*cuMemGetHandleForAddressRange)(void*, std::uint64_t, std::size_t, int, unsigned long long) = nullptr;
  // NOLINTEND(readability-identifier-naming)
};

}  // namespace

Expected<MemoryKind> parse_memory_kind(const std::string& text) {
  using Owner = MemoryKind::Owner;
  const std::string cuda = "dmabuf:cuda";
  if (text == "host") return MemoryKind{};
  if (text == cuda) return MemoryKind{Owner::kCuda, 0};
  if (text.starts_with(cuda + ":")) {
    MemoryKind kind{Owner::kCuda, 0};
    const char *const first = text.data() + cuda.size() + 1, *const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, kind.device);
    if (error == std::errc() && end == last && kind.device >= 0 && kind.device < 1024) return kind;
  }
  return input_error("no such memory", text.substr(0, 64), "host, dmabuf:cuda or dmabuf:cuda:NUMBER");
}

Expected<std::unique_ptr<ExportedMemory>> export_memory(const MemoryKind& kind, std::size_t size) {
  auto memory = std::make_unique<Cuda>();
  if (auto made = memory->make(kind.device, size); !made) return tl::unexpected(made.error());
  return memory;
}

}  // namespace weft::verbs
