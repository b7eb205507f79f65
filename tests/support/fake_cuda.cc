// A stand-in for libcuda.so.1: one GPU whose memory is a memfd. WEFT_FAKE_CUDA says what it lacks: "none": no GPU,
// "nodmabuf": exports, "memory". The memory is mapped here, so that the verbs provider of the tests can move its bytes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

int descriptor = -1;
std::uint64_t first = 0;
std::size_t length = 0;

bool lacks(std::string_view what) {
  const char* const said = std::getenv("WEFT_FAKE_CUDA");
  return said != nullptr && said == what;
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): CUDA's names
extern "C" {
int cuInit(unsigned flags) { return static_cast<int>(flags); }
int cuGetErrorString(int error, const char** text) {
  *text = error == 2 ? "out of memory" : "invalid value";
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = lacks("none") ? 0 : 1;
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 124 && !lacks("nodmabuf") ? 1 : 0;
  return device;
}
int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = &descriptor;
  return device;
}
int cuDevicePrimaryCtxRelease_v2(int device) { return device; }
int cuCtxSetCurrent(void* context) { return context == nullptr ? 1 : 0; }
int cuMemAlloc_v2(std::uint64_t* address, std::size_t size) {
  if (lacks("memory")) return 2;
  descriptor = memfd_create("fake GPU", MFD_CLOEXEC);
  if (descriptor < 0 || ftruncate(descriptor, static_cast<off_t>(size)) != 0) return 2;
  void* const place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (place == MAP_FAILED) return 2;
  *address = first = reinterpret_cast<std::uint64_t>(place);
  length = size;
  return 0;
}
int cuMemFree_v2(std::uint64_t address) {
  close(descriptor);
  return munmap(reinterpret_cast<void*>(address), length);  // NOLINT(performance-no-int-to-ptr): CUDA's addresses
}
int cuMemGetHandleForAddressRange(void* handle, std::uint64_t address, std::size_t size, int type,
                                  unsigned long long flags) {
  if (type != 1 || flags != 0 || address % 4096 != 0 || size % 4096 != 0 || address < first ||
      address + size > first + length)
    return 1;
  *static_cast<int*>(handle) = dup(descriptor);
  return 0;
}
}
// NOLINTEND(readability-identifier-naming)
