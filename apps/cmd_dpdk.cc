#include "apps/commands.h"
#include "apps/dpdk_commands.h"

namespace weft {

void add_dpdk(CLI::App& app, std::function<int()>& run, const std::vector<std::string>& eal) {
  CLI::App* dpdk = app.add_subcommand("dpdk", "RoCEv2 traffic from any DPDK port; EAL arguments follow --");
  dpdk->require_subcommand(1);
  dpdk->footer("Example, without a NIC or privileges: weft dpdk ports -- --vdev net_ring0");
  add_dpdk_ports(*dpdk, run, eal);
  add_dpdk_send(*dpdk, run, eal);
  add_dpdk_receive(*dpdk, run, eal);
  add_dpdk_loop(*dpdk, run, eal);
  add_dpdk_trace(*dpdk, run, eal);
  add_dpdk_ecmp(*dpdk, run, eal);
  add_dpdk_pfc(*dpdk, run, eal);
  add_dpdk_ecn(*dpdk, run, eal);
#ifdef WEFT_HAS_RESPOND
  add_dpdk_respond(*dpdk, run, eal);
#endif
}

}  // namespace weft
