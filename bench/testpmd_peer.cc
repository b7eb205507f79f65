#include "bench/testpmd_peer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

extern char** environ;

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> words_for(unsigned size) {
  return {"stdbuf",
          "-oL",
          "dpdk-testpmd",
          "--no-huge",
          "--no-shconf",
          "--no-pci",
          "--no-telemetry",
          "-m",
          "256",
          "-l",
          "0,1",
          "--file-prefix",
          fmt::format("weft_peer_{}_{}", getpid(), size),
          "--vdev",
          fmt::format("net_null0,size={}", size),
          "--",
          "-i",
          "--forward-mode=txonly",
          fmt::format("--txpkts={}", size),
          "--burst=32",
          "--total-num-mbufs=4096",
          fmt::format("--mbuf-size={}", size + 256),
          fmt::format("--max-pkt-len={}", size + 100),
          "--no-mlockall"};
}

}  // namespace

TestpmdPeer::TestpmdPeer(unsigned size) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  posix_spawn_file_actions_adddup2(&actions, from[1], 2);
  auto words = words_for(size);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]);
  close(from[1]);
  in_ = to[1];
  out_ = from[0];
  if (pid_ > 0 && read_until("testpmd> ", 20).empty()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

TestpmdPeer::~TestpmdPeer() {
  if (pid_ > 0) {
    write("quit\n");
    for (int i = 0; i < 300 && pid_ > 0; ++i) {
      if (waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = -1;
      if (pid_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (pid_ > 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
  }
  if (in_ >= 0) close(in_);
  if (out_ >= 0) close(out_);
}

void TestpmdPeer::write(const std::string& line) const {
  if (::write(in_, line.data(), line.size()) < 0) return;
}

std::string TestpmdPeer::read_until(const std::string& text, double seconds) {
  std::string seen;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    pollfd ready{out_, POLLIN, 0};
    if (poll(&ready, 1, 100) <= 0) continue;
    char buffer[4096];
    const auto count = read(out_, buffer, sizeof buffer);
    if (count <= 0) return {};
    seen.append(buffer, static_cast<std::size_t>(count));
    if (seen.find(text) != std::string::npos) return seen;
  }
  return {};
}

// Of all threads but the first, which reads our commands: schedstat's first number.
double TestpmdPeer::worker_cpu_ns() const {
  double sum = 0;
  std::error_code failed;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid_), failed)) {
    if (task.path().filename() == std::to_string(pid_)) continue;
    double ns = 0;
    if (std::ifstream(task.path() / "schedstat") >> ns) sum += ns;
  }
  return sum;
}

double TestpmdPeer::measure(double seconds) {
  const double before = worker_cpu_ns();
  write("start\n");
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  write("stop\n");
  const std::string text = read_until("Done.", 10);
  const double after = worker_cpu_ns();
  const std::size_t at = text.rfind("TX-packets: ");
  if (at == std::string::npos) return 0;
  const double packets = std::strtod(text.c_str() + at + 12, nullptr);
  return packets > 0 ? (after - before) / packets : 0;
}

}  // namespace weft::bench
