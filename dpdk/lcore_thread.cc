#include "dpdk/lcore_thread.h"

#include <pthread.h>
#include <rte_lcore.h>

#include <utility>
#include <vector>

namespace weft::dpdk {
namespace {

rte_cpuset_t cpus_for(unsigned index) {
  std::vector<unsigned> workers;
  rte_cpuset_t all;
  CPU_ZERO(&all);
  unsigned lcore = 0;
  for (lcore = rte_get_next_lcore(~0U, 0, 0); lcore < RTE_MAX_LCORE; lcore = rte_get_next_lcore(lcore, 0, 0)) {
    const rte_cpuset_t own = rte_lcore_cpuset(lcore);
    CPU_OR(&all, &all, &own);
    if (lcore != rte_get_main_lcore()) workers.push_back(lcore);
  }
  return index < workers.size() ? rte_lcore_cpuset(workers[index]) : all;
}

}  // namespace

std::thread start_lcore_thread(unsigned index, std::function<void(bool)> work) {
  return std::thread([index, work = std::move(work)] {
    const rte_cpuset_t cpus = cpus_for(index);
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    const bool known = rte_thread_register() == 0;
    work(known);
    if (known) rte_thread_unregister();
  });
}

}  // namespace weft::dpdk
