#include "verbs/ethtool.h"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

namespace weft::verbs {
namespace {

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
};

// Attributes of a reply by their type; empty ones where it does not fit.
template <std::size_t Count>
std::array<nlattr*, Count> attributes_of(const nlmsghdr* reply) {
  std::array<nlattr*, Count> found{};
  if (genlmsg_parse(const_cast<nlmsghdr*>(reply), 0, found.data(), Count - 1, nullptr) < 0) found = {};
  return found;
}

template <std::size_t Count>
std::array<nlattr*, Count> nested_in(nlattr* nest) {
  std::array<nlattr*, Count> found{};
  if (nest == nullptr || nla_parse_nested(found.data(), Count - 1, nest, nullptr) < 0) found = {};
  return found;
}

// The first word is the port's count; where the driver counts lanes alone it says so with all ones, and they are added.
std::optional<std::uint64_t> total(const nlattr* values) {
  constexpr std::uint64_t kNotCounted = ~std::uint64_t{0};
  if (values == nullptr) return std::nullopt;
  const auto* const bytes = static_cast<const char*>(nla_data(values));
  std::optional<std::uint64_t> sum;
  for (int at = 0; at + 8 <= nla_len(values); at += 8) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes + at, sizeof value);
    if (value == kNotCounted) continue;
    sum = sum.value_or(0) + value;
    if (at == 0) break;
  }
  return sum;
}

}  // namespace

void read_fec(const nlmsghdr* reply, Counters& counters) {
  const auto found = attributes_of<ETHTOOL_A_FEC_MAX + 1>(reply);
  const auto counts = nested_in<ETHTOOL_A_FEC_STAT_MAX + 1>(found[ETHTOOL_A_FEC_STATS]);
  const auto take = [&](int which, const char* name) {
    if (const auto value = total(counts[static_cast<std::size_t>(which)])) counters[name] = *value;
  };
  take(ETHTOOL_A_FEC_STAT_CORRECTED, "fec_corrected_blocks");
  take(ETHTOOL_A_FEC_STAT_UNCORR, "fec_uncorrectable_blocks");
  take(ETHTOOL_A_FEC_STAT_CORR_BITS, "fec_corrected_bits");
}

void read_statistics(const nlmsghdr* reply, Counters& counters) {
  const auto found = attributes_of<ETHTOOL_A_STATS_MAX + 1>(reply);
  const auto group = nested_in<ETHTOOL_A_STATS_GRP_MAX + 1>(found[ETHTOOL_A_STATS_GRP]);
  const nlattr* const id = group[ETHTOOL_A_STATS_GRP_ID];
  if (id == nullptr || nla_len(id) < 4 || nla_get_u32(id) != ETHTOOL_STATS_ETH_PHY) return;
  const nlattr* one = nullptr;
  int left = 0;
  nla_for_each_nested(one, found[ETHTOOL_A_STATS_GRP], left) {  // a nest for each statistic, with one value
    if (nla_type(one) != ETHTOOL_A_STATS_GRP_STAT || nla_len(one) < NLA_HDRLEN + 8) continue;
    const auto* const value = static_cast<const nlattr*>(nla_data(one));
    if (nla_type(value) == ETHTOOL_A_STATS_ETH_PHY_5_SYM_ERR && nla_len(value) == 8)
      counters["symbol_errors"] = nla_get_u64(value);
  }
}

std::vector<std::uint8_t> read_module_bytes(const nlmsghdr* reply) {
  const auto found = attributes_of<ETHTOOL_A_MODULE_EEPROM_MAX + 1>(reply);
  const nlattr* const data = found[ETHTOOL_A_MODULE_EEPROM_DATA];
  if (data == nullptr) return {};
  const auto* const bytes = static_cast<const std::uint8_t*>(nla_data(data));
  return {bytes, bytes + nla_len(data)};
}

void Ethtool::Close::operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }

Ethtool::Ethtool() : socket_(nl_socket_alloc()) {
  if (socket_ == nullptr || genl_connect(socket_.get()) < 0) return;
  const timeval second{1, 0};
  setsockopt(nl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  family_ = genl_ctrl_resolve(socket_.get(), ETHTOOL_GENL_NAME);
  nl_socket_disable_auto_ack(socket_.get());  // a GET is answered by what it asked for, or by an error
  nl_socket_disable_seq_check(socket_.get());
}

template <typename Fill, typename Take>
void Ethtool::ask(std::uint8_t command, int header, const std::string& netdev, Fill fill, Take take) {
  if (family_ < 0 || netdev.empty() || netdev.size() >= 16) return;
  const std::unique_ptr<nl_msg, FreeMessage> request(nlmsg_alloc());
  if (request == nullptr ||
      genlmsg_put(request.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command, ETHTOOL_GENL_VERSION) == nullptr)
    return;
  nlattr* const head = nla_nest_start(request.get(), header);
  if (head == nullptr) return;
  nla_put_string(request.get(), ETHTOOL_A_HEADER_DEV_NAME, netdev.c_str());
  if (command == ETHTOOL_MSG_FEC_GET) nla_put_u32(request.get(), ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_STATS);
  nla_nest_end(request.get(), head);
  fill(request.get());
  const auto hand_over = [](nl_msg* reply, void* to) -> int {
    (*static_cast<Take*>(to))(nlmsg_hdr(reply));
    return NL_OK;
  };
  nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, hand_over, &take);
  if (nl_send_auto(socket_.get(), request.get()) >= 0) nl_recvmsgs_default(socket_.get());
  nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
}

Counters Ethtool::counters(const std::string& netdev) {
  Counters counters;
  ask(
      ETHTOOL_MSG_FEC_GET, ETHTOOL_A_FEC_HEADER, netdev, [](nl_msg*) {},
      [&](const nlmsghdr* reply) { read_fec(reply, counters); });
  ask(
      ETHTOOL_MSG_STATS_GET, ETHTOOL_A_STATS_HEADER, netdev,
      [](nl_msg* request) {
        nlattr* const groups = nla_nest_start(request, ETHTOOL_A_STATS_GROUPS);
        nla_put_flag(request, ETHTOOL_A_BITSET_NOMASK);
        nlattr* const bits = nla_nest_start(request, ETHTOOL_A_BITSET_BITS);
        nlattr* const bit = nla_nest_start(request, ETHTOOL_A_BITSET_BITS_BIT);
        if (groups == nullptr || bits == nullptr || bit == nullptr) return;
        nla_put_u32(request, ETHTOOL_A_BITSET_BIT_INDEX, ETHTOOL_STATS_ETH_PHY);
        nla_nest_end(request, bit);
        nla_nest_end(request, bits);
        nla_nest_end(request, groups);
      },
      [&](const nlmsghdr* reply) { read_statistics(reply, counters); });
  return counters;
}

std::optional<Optics> Ethtool::optics(const std::string& netdev) {
  return read_optics([&](const ModuleRange& range) {
    std::vector<std::uint8_t> bytes;
    ask(
        ETHTOOL_MSG_MODULE_EEPROM_GET, ETHTOOL_A_MODULE_EEPROM_HEADER, netdev,
        [&](nl_msg* request) {
          nla_put_u32(request, ETHTOOL_A_MODULE_EEPROM_OFFSET, range.offset);
          nla_put_u32(request, ETHTOOL_A_MODULE_EEPROM_LENGTH, range.length);
          nla_put_u8(request, ETHTOOL_A_MODULE_EEPROM_PAGE, range.page);
          nla_put_u8(request, ETHTOOL_A_MODULE_EEPROM_BANK, range.bank);
          nla_put_u8(request, ETHTOOL_A_MODULE_EEPROM_I2C_ADDRESS, range.i2c);
        },
        [&](const nlmsghdr* reply) { bytes = read_module_bytes(reply); });
    return bytes;
  });
}

}  // namespace weft::verbs
