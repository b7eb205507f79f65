// A case in a process of its own: ns-3 has one simulator a process, and what one case leaves in memory or in the
// allocator would be counted for the next.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <type_traits>

namespace weft::bench {

// CPU time of this thread: other programs on the machine disturb it least. [s]
inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A line of /proc/self/status that is in kB: VmRSS, VmHWM (the peak of VmRSS). [bytes]
inline double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::strtod(line.c_str() + key.size() + 1, nullptr) * 1024;
  }
  return 0;
}

// What `work` returns in a child process; nothing where that ended early, which has then said why.
template <typename Result, typename Work>
std::optional<Result> apart(const Work& work) {
  static_assert(std::is_trivially_copyable_v<Result>);
  std::fflush(nullptr);
  int ends[2];
  if (pipe(ends) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    close(ends[0]);
    const Result result = work();
    const bool written = write(ends[1], &result, sizeof result) == static_cast<ssize_t>(sizeof result);
    std::fflush(nullptr);
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  Result result;
  char* to = reinterpret_cast<char*>(&result);
  std::size_t got = 0;
  for (ssize_t n = 1; got < sizeof result && n > 0; got += static_cast<std::size_t>(n > 0 ? n : 0))
    n = read(ends[0], to + got, sizeof result - got);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (got != sizeof result || status != 0) return std::nullopt;
  return result;
}

}  // namespace weft::bench
