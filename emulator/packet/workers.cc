#include "emulator/packet/workers.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <vector>

namespace weft::packet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 50;
constexpr auto kPatience = std::chrono::milliseconds(300);
constexpr std::size_t kHeader = 1 + sizeof(std::uint32_t);  // kind, length
constexpr std::size_t kReadAtOnce = 1U << 16;

struct Worker {
  pid_t process = -1;
  int socket = -1;
  std::size_t job = 0;
  std::string inbox;
};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("by signal {} ({})", signal, strsignal(signal));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return fmt::format("with exit code {}", WEXITSTATUS(status));
  return {};
}

class Pool {
 public:
  explicit Pool(const WorkerJobs& jobs) : jobs_(jobs) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (const Worker& worker : workers_) {
      kill(worker.process, SIGKILL);
      waitpid(worker.process, nullptr, 0);
      close(worker.socket);
    }
  }

  Expected<void> run() {
    for (;;) {
      if (!stopping_ && jobs_.stop && jobs_.stop()) tell_to_stop();
      while (!stopping_ && next_ < jobs_.count && workers_.size() < jobs_.at_once) {
        if (auto started = start(next_++); !started) return started;
      }
      if (workers_.empty()) return {};
      if (stopping_ && Clock::now() - stopped_at_ > kPatience) kill_all();
      wait_for_news();
    }
  }

 private:
  Expected<void> start(std::size_t job) {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return environment_error("cannot make a line to a worker process", "", std::strerror(errno));
    const pid_t process = fork();
    if (process < 0) {
      const int why = errno;
      close(ends[0]);
      close(ends[1]);
      return environment_error("cannot make a worker process", "",
                               fmt::format("{}; use fewer --threads", std::strerror(why)));
    }
    if (process == 0) {
      close(ends[0]);
      for (const Worker& other : workers_) close(other.socket);
      jobs_.work(job, ParentLine(ends[1]));
      _exit(0);
    }
    close(ends[1]);
    workers_.push_back({process, ends[0], job, {}});
    return {};
  }

  void tell_to_stop() {
    stopping_ = true;
    stopped_at_ = Clock::now();
    for (const Worker& worker : workers_) static_cast<void>(send(worker.socket, "S", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
  }
  void kill_all() {
    for (const Worker& worker : workers_) kill(worker.process, SIGKILL);
  }

  void wait_for_news() {
    std::vector<pollfd> lines;
    for (const Worker& worker : workers_) lines.push_back({worker.socket, POLLIN, 0});
    if (poll(lines.data(), lines.size(), kPollMs) <= 0) return;
    for (std::size_t i = lines.size(); i-- > 0;) {
      if (lines[i].revents == 0 || listen_to(workers_[i])) continue;
      const Worker gone = std::move(workers_[i]);
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(i));
      close(gone.socket);
      int status = 0;
      waitpid(gone.process, &status, 0);
      jobs_.ended(gone.job, how_it_ended(status));
    }
  }

  // False when there is nothing more to come.
  bool listen_to(Worker& worker) {
    const std::size_t had = worker.inbox.size();
    worker.inbox.resize(had + kReadAtOnce);
    const ssize_t got = recv(worker.socket, worker.inbox.data() + had, kReadAtOnce, 0);
    worker.inbox.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    std::size_t at = 0;
    while (worker.inbox.size() - at >= kHeader) {
      std::uint32_t length = 0;
      std::memcpy(&length, worker.inbox.data() + at + 1, sizeof length);
      if (length > ParentLine::kMaxText) {
        kill(worker.process, SIGKILL);
        return false;
      }
      if (worker.inbox.size() - at < kHeader + length) break;
      jobs_.received(worker.job, worker.inbox[at], worker.inbox.substr(at + kHeader, length));
      at += kHeader + length;
    }
    worker.inbox.erase(0, at);
    return true;
  }

  const WorkerJobs& jobs_;
  std::vector<Worker> workers_;
  std::size_t next_ = 0;
  bool stopping_ = false;
  Clock::time_point stopped_at_;
};

}  // namespace

void ParentLine::send(char kind, std::string_view text) const {
  WEFT_CHECK(text.size() <= kMaxText);
  std::string message(kHeader, kind);
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(message.data() + 1, &length, sizeof length);
  message += text;
  for (std::size_t sent = 0; sent < message.size();) {
    const ssize_t n = ::send(socket_, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the parent is gone
    sent += static_cast<std::size_t>(n);
  }
}

bool ParentLine::told_to_stop() const {
  char word = 0;
  const ssize_t n = recv(socket_, &word, 1, MSG_DONTWAIT);
  return n == 0 || n == 1 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

Expected<void> run_workers(const WorkerJobs& jobs) { return Pool(jobs).run(); }

}  // namespace weft::packet
