#include "verbs/owned.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace weft::verbs {
namespace {

void check_given_back(const char* what, int error) noexcept {
  if (error != 0) std::fprintf(stderr, "weft: warning: cannot give back a %s: %s\n", what, std::strerror(error));
}

std::string locked_memory_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return fmt::format("{} KiB", limit.rlim_cur / 1024);
}

std::string way_out(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "check the permissions of /dev/infiniband/uverbs* and rdma_cm (group rdma, or run as root)";
    case ENOMEM:
      return fmt::format(
          "the limit of locked memory is {} (ulimit -l unlimited, or memlock in limits.conf); else the device has no "
          "more: fewer --qps, a smaller --depth or --sizes",
          locked_memory_limit());
    case ENOSPC:
    case EAGAIN:
    case EMFILE:
      return "the device, or this process by its rdma cgroup, has no more of these: use fewer --qps";
    case EADDRINUSE:
      return "other programs hold the ports (ss -tan): a wider net.ipv4.ip_local_port_range, or the port mapper iwpmd";
    case ENODEV:
      return "the device went away: see weft verbs devices";
    default:
      return {};
  }
}

}  // namespace

void GiveBack::operator()(ibv_context* p) const noexcept { check_given_back("device", ibv_close_device(p)); }
void GiveBack::operator()(ibv_pd* p) const noexcept { check_given_back("protection domain", ibv_dealloc_pd(p)); }
void GiveBack::operator()(ibv_cq* p) const noexcept { check_given_back("CQ", ibv_destroy_cq(p)); }
void GiveBack::operator()(ibv_comp_channel* p) const noexcept {
  check_given_back("completion channel", ibv_destroy_comp_channel(p));
}
void GiveBack::operator()(ibv_mr* p) const noexcept { check_given_back("memory region", ibv_dereg_mr(p)); }
void GiveBack::operator()(ibv_qp* p) const noexcept { check_given_back("QP", ibv_destroy_qp(p)); }
void GiveBack::operator()(ibv_srq* p) const noexcept { check_given_back("SRQ", ibv_destroy_srq(p)); }
void GiveBack::operator()(ibv_ah* p) const noexcept { check_given_back("address handle", ibv_destroy_ah(p)); }
void GiveBack::operator()(ibv_xrcd* p) const noexcept { check_given_back("XRC domain", ibv_close_xrcd(p)); }
void GiveBack::operator()(rdma_event_channel* p) const noexcept { rdma_destroy_event_channel(p); }
void GiveBack::operator()(rdma_cm_id* p) const noexcept {
  check_given_back("rdma_cm id", rdma_destroy_id(p) == 0 ? 0 : errno);
}

tl::unexpected<Error> refused(const std::string& what, const std::string& item, int error) {
  const std::string reason = std::generic_category().message(error);
  return environment_error(fmt::format("{}: {}", what, reason), item, way_out(error));
}

void Memory::Unmap::operator()(std::byte* p) const noexcept { munmap(p, size); }

Expected<Memory> Memory::registered(ibv_pd* pd, std::size_t size, int access) {
  void* place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (place == MAP_FAILED) return refused("cannot allocate memory", fmt::format("{} B", size), errno);
  Memory memory;
  memory.bytes_ = {static_cast<std::byte*>(place), Unmap(size)};
  memory.size_ = size;
  memory.mr_.reset(ibv_reg_mr(pd, place, size, access));
  if (memory.mr_ == nullptr) return refused("cannot register memory for RDMA", fmt::format("{} B", size), errno);
  return memory;
}

Expected<Memory> Memory::imported(ibv_pd* pd, std::unique_ptr<ExportedMemory> exported, std::size_t size, int access) {
  Memory memory;
  memory.exported_ = std::move(exported);
  memory.size_ = size;
  const auto address = reinterpret_cast<std::uint64_t>(memory.data());
  memory.mr_.reset(ibv_reg_dmabuf_mr(pd, 0, size, address, memory.exported_->descriptor(), access));
  if (memory.mr_ != nullptr) return memory;
  auto error = refused("cannot register a dma-buf for RDMA", fmt::format("{} B", size), errno);
  if (error.value().way_out.empty())
    error.value().way_out = "mlx5, bnxt_re and irdma take them from Linux 5.12 on, soft-RoCE does not; --memory host";
  return error;
}

}  // namespace weft::verbs
