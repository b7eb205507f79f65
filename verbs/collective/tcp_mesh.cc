#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <deque>

#include "verbs/collective/join.h"

namespace weft::verbs {
namespace {

constexpr std::chrono::seconds kPatience{15};

class TcpMesh final : public JoinedMesh {
 public:
  TcpMesh(PeerControls controls, std::uint32_t rank, std::size_t bytes, const std::atomic<bool>& stop)
      : controls_(std::move(controls)), rank_(rank), memory_(bytes), stop_(stop) {}

  [[nodiscard]] std::span<std::byte> memory() override { return memory_; }

  Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) override {
    struct Work {
      std::deque<std::span<const std::byte>> out;
      std::deque<std::span<std::byte>> in;
    };
    std::map<std::uint32_t, Work> work;
    for (const Send& send : sends)
      if (!send.bytes.empty()) work[send.peer].out.push_back(send.bytes);
    for (const Receive& receive : receives)
      if (!receive.bytes.empty()) work[receive.peer].in.push_back(receive.bytes);
    auto last = std::chrono::steady_clock::now();
    while (!work.empty()) {
      std::vector<pollfd> waits;
      for (const auto& [rank, w] : work)
        waits.push_back({controls_.at(rank).descriptor(),
                         static_cast<short>((w.out.empty() ? 0 : POLLOUT) | (w.in.empty() ? 0 : POLLIN)), 0});
      if (::poll(waits.data(), waits.size(), 100) > 0) {
        for (auto at = work.begin(); at != work.end();) {
          const int fd = controls_.at(at->first).descriptor();
          if (!move_some(fd, at->second.out, at->second.in))
            return environment_error(fmt::format("rank {}: rank {} is gone", rank_, at->first));
          at = at->second.out.empty() && at->second.in.empty() ? work.erase(at) : std::next(at);
        }
        last = std::chrono::steady_clock::now();
      }
      if (stop_) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
      if (std::chrono::steady_clock::now() - last > kPatience)
        return environment_error(fmt::format("rank {} waited {} s for rank", rank_, kPatience.count()),
                                 fmt::format("{}", work.begin()->first), "it died or stalls");
    }
    return {};
  }

 private:
  // False: the peer has closed, or the connection is broken.
  static bool move_some(int fd, std::deque<std::span<const std::byte>>& out, std::deque<std::span<std::byte>>& in) {
    const auto blocked = [] { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; };
    if (!out.empty()) {
      const ssize_t sent = ::send(fd, out.front().data(), out.front().size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && !blocked()) return false;
      if (sent > 0) out.front() = out.front().subspan(static_cast<std::size_t>(sent));
      if (out.front().empty()) out.pop_front();
    }
    if (!in.empty()) {
      const ssize_t got = ::recv(fd, in.front().data(), in.front().size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && !blocked())) return false;
      if (got > 0) in.front() = in.front().subspan(static_cast<std::size_t>(got));
      if (in.front().empty()) in.pop_front();
    }
    return true;
  }

  PeerControls controls_;
  std::uint32_t rank_;
  std::vector<std::byte> memory_;
  const std::atomic<bool>& stop_;
};

}  // namespace

Expected<std::unique_ptr<JoinedMesh>> join_by_tcp(const CollectiveSpec& spec, const MeshNeighbours& neighbours,
                                                  std::size_t memory_bytes, const std::atomic<bool>& stop) {
  auto controls = meet_peers(spec, neighbours, {}, stop);
  if (!controls) return tl::unexpected(controls.error());
  return std::make_unique<TcpMesh>(std::move(*controls), spec.rank, memory_bytes, stop);
}

}  // namespace weft::verbs
