#include "apps/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <ostream>
#include <streambuf>
#include <thread>
#include <utility>
#include <vector>

#include "apps/commands.h"

namespace weft {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> signal_seen{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal) {
  signal_seen = true;
  std::signal(signal, SIG_DFL);
}

// A stream over a FILE that keeps errno of the first failure; `stop`, if any, makes it fail with EINTR.
class FileBuffer : public std::streambuf {
 public:
  FileBuffer(std::FILE* file, const std::atomic<bool>* stop) : file_(file), stop_(stop), space_(1U << 16) {
    setp(space_.data(), space_.data() + space_.size());
  }
  FileBuffer(const FileBuffer&) = delete;
  FileBuffer& operator=(const FileBuffer&) = delete;
  ~FileBuffer() override {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  // 0, or errno of what failed first.
  int close() {
    sync();
    if ((file_ == stdout ? std::fflush(file_) : std::fclose(file_)) != 0 && failed_ == 0) failed_ = errno;
    file_ = nullptr;
    return failed_;
  }

 protected:
  int overflow(int c) override {
    if (sync() != 0) return traits_type::eof();
    if (c == traits_type::eof()) return 0;
    *pptr() = static_cast<char>(c);
    pbump(1);
    return c;
  }
  int sync() override {
    const auto size = static_cast<std::size_t>(pptr() - pbase());
    if (failed_ == 0 && stop_ != nullptr && *stop_) failed_ = EINTR;
    if (failed_ == 0 && size > 0 && std::fwrite(pbase(), 1, size, file_) != size) failed_ = errno;
    setp(space_.data(), space_.data() + space_.size());
    return failed_ == 0 ? 0 : -1;
  }

 private:
  std::FILE* file_;
  const std::atomic<bool>* stop_;
  std::vector<char> space_;
  int failed_ = 0;
};

Expected<void> write_through(const std::string& path, const std::atomic<bool>* stop,
                             const std::function<Expected<void>(std::ostream&)>& write) {
  FileBuffer buffer(path == "-" ? stdout : std::fopen(path.c_str(), "wb"), stop);
  if (!buffer.is_open()) return environment_error("cannot write the file", path, std::strerror(errno));
  std::ostream out(&buffer);
  Expected<void> written = write(out);
  const int failed = buffer.close();
  if (failed == 0 && written) return {};
  std::error_code ignored;
  if (path != "-" && std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  if (failed == EINTR) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted while writing", path, {}, {}});
  if (failed != 0)
    return environment_error(path == "-" ? "cannot write to stdout" : "cannot write the file", path,
                             std::strerror(failed));
  return written;
}

constexpr auto kPollInterval = std::chrono::milliseconds(20);
// A solve of 66 million flows polls too seldom; giving back its memory takes most of the 2 s that a user may wait.
constexpr auto kGraceTime = std::chrono::milliseconds(500);
constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLogInterval = std::chrono::seconds(5);

}  // namespace

int report_error(const Error& error) {
  std::fputs(fmt::format("weft: error: {}\n", error.text()).c_str(), stderr);
  switch (error.code) {
    case ErrorCode::kInput:
      return kInputWrong;
    case ErrorCode::kEnvironment:
      return kEnvironmentFailed;
    case ErrorCode::kInterrupted:
      return kInterruptedBySignal;
  }
  return kInputWrong;
}

Progress console_progress(bool quiet) {
  if (quiet) return {};
  using Clock = std::chrono::steady_clock;
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto last = std::make_shared<Clock::time_point>(Clock::now());
  return [=](std::string_view what, double done, double total) {
    const auto now = Clock::now();
    if (now - *last < (terminal ? Clock::duration(kTerminalInterval) : Clock::duration(kLogInterval))) return;
    *last = now;
    const double share = total > 0 ? 100 * done / total : 0;
    std::fputs(
        fmt::format("{}weft: {} {:.0f} %{}", terminal ? "\r\033[K" : "", what, share, terminal ? "" : "\n").c_str(),
        stderr);
  };
}

void end_progress(bool quiet) {
  if (!quiet && isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);
}

const std::atomic<bool>& interrupted() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return signal_seen;
}

bool run_interruptibly(const std::function<void()>& work) {
  const std::atomic<bool>& stop = interrupted();
  std::packaged_task<void()> task(work);
  std::future<void> result = task.get_future();
  std::thread worker(std::move(task));
  while (result.wait_for(kPollInterval) == std::future_status::timeout) {
    if (!stop) continue;
    if (result.wait_for(kGraceTime) == std::future_status::ready) break;
    worker.detach();
    return false;
  }
  worker.join();
  result.get();
  return true;
}

void leave(int exit_code) {
  std::fflush(nullptr);
  std::_Exit(exit_code);
}

Expected<void> check_writable(const std::string& path) {
  if (path.empty() || path == "-") return {};
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return environment_error("cannot write the file", path, std::strerror(EISDIR));
  std::filesystem::path target(path);
  if (!std::filesystem::exists(target, ignored)) target = target.has_parent_path() ? target.parent_path() : ".";
  if (::access(target.c_str(), W_OK) != 0)
    return environment_error("cannot write the file", path, std::strerror(errno));
  return {};
}

Expected<void> write_file(const std::string& path, const std::string& text) {
  return write_through(path, nullptr, [&](std::ostream& out) -> Expected<void> {
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    return {};
  });
}

Expected<void> write_stream(const std::string& path, const std::function<Expected<void>(std::ostream&)>& write) {
  return write_through(path, &interrupted(), write);
}

}  // namespace weft
