#include "dpdk/eal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <getopt.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace weft::dpdk {
namespace {

// EAL's log in memory, while this lives.
class CapturedLog {
 public:
  CapturedLog() : file_(open_memstream(&text_, &size_)) { rte_openlog_stream(file_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog() {
    rte_openlog_stream(nullptr);  // back to stderr
    if (file_ != nullptr) std::fclose(file_);
    std::free(text_);
  }
  [[nodiscard]] std::string text() {
    if (file_ == nullptr) return {};
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

// EAL prints its usage to stdout, and getopt to stderr, for an option that it does not know.
class Silence {
 public:
  explicit Silence(int descriptor) : descriptor_(descriptor), kept_(dup(descriptor)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    std::fflush(nullptr);
    dup2(nowhere, descriptor_);
    close(nowhere);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (kept_ < 0) return;
    std::fflush(nullptr);
    dup2(kept_, descriptor_);
    close(kept_);
  }

 private:
  int descriptor_, kept_;
};

bool has_any(const std::vector<std::string>& arguments, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(arguments, [&](const std::string& argument) {
    const std::string name = argument.substr(0, argument.find('='));
    return std::ranges::any_of(words, [&](std::string_view word) {
      return name == word || (word.size() == 2 && argument.starts_with(word));  // -m256
    });
  });
}

// EAL keeps sockets and locks there; a service or a container may leave it set to what is not there.
void make_runtime_folder_usable() {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  if (folder == nullptr || access(folder, W_OK | X_OK) == 0) return;
  std::error_code failed;
  const auto temporary = std::filesystem::temp_directory_path(failed);
  if (!failed) setenv("XDG_RUNTIME_DIR", temporary.c_str(), 1);
}

std::string way_out(const std::string& log, const std::vector<std::string>& arguments) {
  const auto says = [&](std::string_view text) { return log.find(text) != std::string::npos; };
  if (says("Invalid 'command line' arguments") || says("unrecognized option"))
    return "EAL's options are at doc.dpdk.org/guides/linux_gsg/linux_eal_parameters.html";
  if (says("Permission denied") || says("Cannot create lock") || says("runtime dir"))
    return "run as root, or set XDG_RUNTIME_DIR to a folder of yours";
  if (says("same time") || says("another primary")) return "give each process its own: -- --file-prefix NAME";
  if (!has_any(arguments, {"--no-huge"})) return "set vm.nr_hugepages, or do without: -- --no-huge --no-shconf -m 256";
  return "it worked elsewhere with: -- --no-huge --no-shconf --no-pci -m 256 --vdev net_ring0";
}

}  // namespace

std::string version() { return rte_version(); }

std::string reason_in(const std::string& log) {
  constexpr std::array<std::string_view, 6> kSigns{"rror", "ailed", "annot", "nvalid", "nable", "o such"};
  // What follows from an earlier line, or is so on every machine without a NIC of DPDK's.
  constexpr std::array<std::string_view, 4> kSummaries{"probe failed", "failed to initialize", "Cannot init EAL",
                                                       "cannot be used"};
  std::istringstream lines(log);
  std::string reason, summary;
  for (std::string line; std::getline(lines, line);) {
    const auto has = [&](std::string_view words) { return line.find(words) != std::string::npos; };
    if (std::ranges::none_of(kSigns, has)) continue;
    const std::size_t prefix = line.find(": ");
    (std::ranges::any_of(kSummaries, has) ? summary : reason) =
        prefix == std::string::npos ? line : line.substr(prefix + 2);
  }
  return reason.empty() ? summary : reason;
}

bool huge_pages_usable() {
  if (geteuid() != 0) return false;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("HugePages_Free:")) return line.find_first_of("123456789") != std::string::npos;
  return false;
}

std::vector<std::string> with_defaults(const std::vector<std::string>& arguments, bool huge_pages) {
  std::vector<std::string> all;
  if (!has_any(arguments, {"--no-huge", "--in-memory", "--huge-dir", "-m", "--socket-mem", "--legacy-mem",
                           "--single-file-segments"})) {
    if (huge_pages)
      all = {"--in-memory"};
    else
      all = {"--no-huge", "--no-shconf", "-m", "256"};
  }
  if (has_any(arguments, {"--vdev"}) && !has_any(arguments, {"-a", "--allow", "-b", "--block", "--no-pci"}))
    all.emplace_back("--no-pci");
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Expected<Eal> Eal::start(const std::vector<std::string>& arguments) {
  make_runtime_folder_usable();
  std::vector<std::string> texts{"weft"};
  const auto all = with_defaults(arguments, huge_pages_usable());
  texts.insert(texts.end(), all.begin(), all.end());
  std::vector<char*> argv;
  argv.reserve(texts.size());
  for (std::string& text : texts) argv.push_back(text.data());
  CapturedLog log;
  int result = 0;
  {
    const Silence out(STDOUT_FILENO), errors(STDERR_FILENO);
    optind = 1;
    result = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  }
  if (result >= 0) return Eal(log.text());
  const std::string text = log.text();
  const std::string reason = reason_in(text);
  return environment_error("DPDK does not start", reason.empty() ? rte_strerror(rte_errno) : reason,
                           way_out(text, all));
}

// The memif driver (22.11) notices a peer's end in a thread of EAL's, and takes down there what a stop or the cleanup
// takes down here, without a lock: a crash after the work is done. Such ports end with the process.
bool ends_with_process(const char* driver) { return driver != nullptr && std::string_view(driver) == "net_memif"; }

Eal::~Eal() {
  if (!started_) return;
  for (std::uint16_t port = 0; port < RTE_MAX_ETHPORTS; ++port) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_is_valid_port(port) == 1 && rte_eth_dev_info_get(port, &info) == 0 &&
        ends_with_process(info.driver_name))
      return;
  }
  rte_eal_cleanup();
}

}  // namespace weft::dpdk
