#include "dpdk/vdev_room.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace weft::dpdk {
namespace {

constexpr std::uint32_t kUsualBuffer = 2048;  // of both drivers
// What TPACKET_V2 puts in front of a received frame in its slot, Documentation/networking/packet_mmap.rst: header and
// address 52 B, aligned with the room for a link header to 80, minus Ethernet's 14.
constexpr std::uint32_t kSlotHead = 66;
constexpr std::uint32_t kEthernet = 14, kVlanTag = 4;

std::uint32_t number(std::string_view arguments, std::string_view key, std::uint32_t otherwise) {
  const std::string text = vdev_argument(arguments, key);
  std::uint32_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  return wrong == std::errc{} && end == text.data() + text.size() && value > 0 ? value : otherwise;
}

}  // namespace

std::string vdev_argument(std::string_view arguments, std::string_view key) {
  while (!arguments.empty()) {
    const std::size_t end = std::min(arguments.find(','), arguments.size());
    const std::string_view word = arguments.substr(0, end);
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos && word.substr(0, equals) == key) return std::string(word.substr(equals + 1));
    arguments.remove_prefix(std::min(end + 1, arguments.size()));
  }
  return {};
}

VdevRoom vdev_room(std::string_view driver, std::string_view arguments) {
  if (driver == "net_memif") return {number(arguments, "bsize", kUsualBuffer), 0};
  if (driver != "net_af_packet") return {};
  const std::uint32_t slot = number(arguments, "framesz", kUsualBuffer);
  return {slot > kSlotHead ? slot - kSlotHead : 1, slot};
}

Expected<void> check_vdev_room(const std::string& name, std::string_view driver, std::string_view arguments,
                               std::uint32_t largest_frame, std::uint32_t interface_mtu) {
  const VdevRoom room = vdev_room(driver, arguments);
  if (room.frame > 0 && largest_frame > room.frame) {
    const std::uint32_t wanted = std::bit_ceil(largest_frame + kSlotHead);
    // The memif driver chains larger frames over buffers, and leaves the mark of a chain in a buffer that it uses
    // again: frames are then joined, and come for ever.
    const std::string way_out =
        driver == "net_memif" ? fmt::format("bsize={} in the --vdev of both sides", wanted)
                              : fmt::format("framesz={},blocksz={} in its --vdev", wanted, std::max(wanted, 65'536U));
    return environment_error(
        fmt::format("port {} has buffers for frames of {} bytes, and one may have {}", name, room.frame, largest_frame),
        {}, way_out);
  }
  if (driver == "net_af_packet" && interface_mtu > 0 && largest_frame > interface_mtu + kEthernet + kVlanTag) {
    const std::string interface = vdev_argument(arguments, "iface");
    return environment_error(
        fmt::format("the MTU of {} is {}, and frames may need {}", interface, interface_mtu, largest_frame - kEthernet),
        {},
        fmt::format("ip link set dev {} mtu {}, at both ends; or a lower --mtu", interface,
                    std::max(9000U, largest_frame - kEthernet)));
  }
  return {};
}

}  // namespace weft::dpdk
