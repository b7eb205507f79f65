#include "dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>

namespace weft::dpdk {

std::string version() { return rte_version(); }

Expected<Eal> Eal::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> texts{"weft"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
    return environment_error("DPDK does not start", rte_strerror(rte_errno),
                             "without huge pages: -- --no-huge --no-shconf -m 256 --no-pci --vdev ...");
  return Eal{};
}

Eal::~Eal() {
  if (started_) rte_eal_cleanup();
}

}  // namespace weft::dpdk
