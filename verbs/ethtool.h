// The kernel's ethtool by generic netlink (Linux 5.13 on): FEC, symbol errors, and the memory of pluggable modules.
#pragma once

#include <memory>
#include <string>

#include "verbs/counters.h"
#include "verbs/optics.h"

struct nl_sock;
struct nlmsghdr;

namespace weft::verbs {

class Ethtool {
 public:
  Ethtool();  // where the kernel has none, everything it is asked for is empty
  // fec_corrected_blocks, fec_uncorrectable_blocks, fec_corrected_bits (IEEE 802.3 clause 30.5.1.1), of all lanes, and
  // symbol_errors (30.3.2.1.5); those that the driver counts.
  [[nodiscard]] Counters counters(const std::string& netdev);
  // Needs CAP_NET_ADMIN; empty without it.
  [[nodiscard]] std::optional<Optics> optics(const std::string& netdev);

 private:
  struct Close {
    void operator()(nl_sock* socket) const noexcept;
  };
  template <typename Fill, typename Take>
  void ask(std::uint8_t command, int header, const std::string& netdev, Fill fill, Take take);

  std::unique_ptr<nl_sock, Close> socket_;
  int family_ = -1;
};

// Replies of the kernel: ETHTOOL_MSG_FEC_GET, _STATS_GET, _MODULE_EEPROM_GET.
void read_fec(const nlmsghdr* reply, Counters& counters);
void read_statistics(const nlmsghdr* reply, Counters& counters);
[[nodiscard]] std::vector<std::uint8_t> read_module_bytes(const nlmsghdr* reply);

}  // namespace weft::verbs
