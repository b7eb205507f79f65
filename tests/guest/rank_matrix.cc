// All hosts of a collective in one process, a thread each, every rank on its own RDMA device: for machines so slow that
// a process a host takes longer than what it runs.
// Usage: weft_rank_matrix rxe|siw HOSTS RANKS copies|nics TYPE SIZES: all five kinds; ranks of a host are joined by
// copies or over their devices. Host h begins at node h * RANKS + 1 (siw: node h + 1, whose device all its ranks take).
// Exit codes: 0 exact, 1 wrong elements or an error, each said, 2 wrong words.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "verbs/collective/host_ranks.h"
#include "verbs/plan.h"

namespace weft::verbs {
namespace {

HostRanksRequest request_of(char** words) {
  HostRanksRequest request;
  const bool siw = std::string(words[1]) == "siw";
  const auto hosts = static_cast<std::uint32_t>(std::atoi(words[2]));
  request.ranks_here = static_cast<std::uint32_t>(std::atoi(words[3]));
  request.copies = std::string(words[4]) == "copies";
  request.spec.reduction = parse_data_type(words[5]).value();
  request.spec.sizes = parse_sizes(words[6]).value();
  request.spec.iterations = 2;
  request.spec.warm_up = 1;
  request.spec.ranks = hosts * request.ranks_here;
  request.spec.ranks_per_host = request.copies ? request.ranks_here : 1;
  for (std::uint32_t host = 0; host < hosts; ++host)
    request.hosts.emplace_back(fmt::format("192.0.2.{}", siw ? host + 1 : host * request.ranks_here + 1), 18800);
  return request;
}

// What is wrong, in words; empty: nothing.
std::string run(const HostRanksRequest& request, const std::string& device) {
  std::vector<HostRanksResult> results(request.hosts.size());
  const std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (std::uint32_t host = 0; host < results.size(); ++host)
    threads.emplace_back([&, host] {
      HostRanksRequest mine = request;
      mine.host = host;
      for (std::uint32_t i = 0; i < request.ranks_here && device != "siw"; ++i)
        mine.devices.push_back(fmt::format("{}{}", device, host * request.ranks_here + i + 1));
      results[host] = run_host_ranks(
          mine, [](const Operation&) {}, stop);
    });
  threads.clear();
  std::string text;
  for (std::size_t host = 0; host < results.size(); ++host)
    if (results[host].error) text += fmt::format(" host {}: {};", host, results[host].error->text());
  if (results[0].wrong.size() != request.spec.sizes.size()) text += " sizes are missing;";
  for (const std::uint64_t wrong : results[0].wrong)
    if (wrong > 0) text += fmt::format(" {} elements are wrong;", wrong);
  return text;
}

}  // namespace
}  // namespace weft::verbs

int main(int argc, char** argv) {
  using weft::CollectiveKind;
  if (argc != 7) return 2;
  int code = 0;
  for (const CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
        CollectiveKind::kAllToAll, CollectiveKind::kBroadcast}) {
    auto request = weft::verbs::request_of(argv);
    request.spec.kind = kind;
    const std::string wrong = weft::verbs::run(request, argv[1]);
    fmt::print("{}:{}\n", weft::name_of(kind), wrong.empty() ? " exact" : wrong);
    if (!wrong.empty()) code = 1;
  }
  return code;
}
