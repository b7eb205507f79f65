#include "apps/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

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

Expected<void> write_file(const std::string& path, const std::string& text) {
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file == nullptr) return environment_error("cannot write the file", path, std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = (file == stdout ? std::fflush(file) : std::fclose(file)) == 0;
  if (!written || !closed) return environment_error("cannot write the file", path, std::strerror(errno));
  return {};
}

}  // namespace weft
