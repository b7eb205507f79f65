#include "dpdk/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "dpdk/vdev_room.h"

namespace weft::dpdk {
namespace {

constexpr std::uint32_t kLinkOverhead = wire::EthernetHeader::kSize;  // what an MTU does not count
constexpr std::uint32_t kUsualMtu = 1500;

std::string reason(int code) { return rte_strerror(std::abs(code)); }

PortFacts facts_of(std::uint16_t index) {
  PortFacts facts;
  facts.index = index;
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  if (rte_eth_dev_get_name_by_port(index, name) == 0) facts.name = name;
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(index, &info) == 0) {
    facts.driver = info.driver_name == nullptr ? "" : info.driver_name;
    const rte_devargs* given = info.device == nullptr ? nullptr : rte_dev_devargs(info.device);
    if (given != nullptr && given->args != nullptr) facts.arguments = given->args;
    facts.largest_mtu = info.max_mtu;
    facts.longest_frame = info.max_rx_pktlen;
    facts.most_receive_queues = info.max_rx_queues;
    facts.most_transmit_queues = info.max_tx_queues;
  }
  rte_ether_addr address{};
  if (rte_eth_macaddr_get(index, &address) == 0) std::copy_n(address.addr_bytes, 6, facts.mac.begin());
  return facts;
}

void read_link(PortFacts& facts) {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(facts.index, &link) != 0) return;
  facts.link_up = link.link_status == RTE_ETH_LINK_UP;
  facts.link_rate = {link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : std::int64_t{link.link_speed} * 1'000'000};
}

Expected<PortFacts> find(const Eal& eal, const std::string& device) {
  const auto ports = list_ports(eal);
  if (ports.empty()) return tl::unexpected(no_port(eal));
  if (device.empty()) return ports.front();
  std::string names;
  for (const PortFacts& port : ports) {
    if (port.name == device || std::to_string(port.index) == device) return port;
    names += (names.empty() ? "" : ", ") + port.name;
  }
  return input_error("DPDK has no such port", device, "one of " + names);
}

// Named by EAL after its driver; a NIC has the name of its bus address.
bool is_virtual(const PortFacts& facts) { return facts.name.starts_with("net_") || facts.name.starts_with("eth_"); }

// Of the kernel interface behind a packet socket; 0: it cannot be read.
std::uint32_t interface_mtu(const PortFacts& facts) {
  std::uint32_t mtu = 0;
  std::ifstream file("/sys/class/net/" + vdev_argument(facts.arguments, "iface") + "/mtu");
  file >> mtu;
  return file ? mtu : 0;
}

Expected<void> check_limits(const PortFacts& facts, const PortOptions& options) {
  if (auto fits = check_frame_size(facts, options.largest_frame); !fits) return fits;
  if (auto fits =
          check_vdev_room(facts.name, facts.driver, facts.arguments, options.largest_frame, interface_mtu(facts));
      !fits)
    return fits;
  if (options.receive_queues > facts.most_receive_queues || options.transmit_queues > facts.most_transmit_queues)
    return environment_error(fmt::format("port {} ({}) has {} receive and {} transmit queues", facts.name, facts.driver,
                                         facts.most_receive_queues, facts.most_transmit_queues),
                             fmt::format("{} and {}", options.receive_queues, options.transmit_queues),
                             "lower --queues");
  return {};
}

tl::unexpected<Error> refused(const PortFacts& facts, const char* what, int code) {
  return environment_error(fmt::format("port {} ({}): {}", facts.name, facts.driver, what), reason(code),
                           facts.driver == "net_memif" ? "start the side with role=server first, with the same socket"
                                                       : "the driver says more with -- --log-level=8");
}

Expected<rte_mempool*> make_pool(const std::string& name, std::uint32_t count, std::uint32_t largest_frame) {
  const auto room = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(UINT16_MAX, RTE_PKTMBUF_HEADROOM + std::max(largest_frame + 64, 2048U)));
  constexpr unsigned kCache = 256;
  rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), count, kCache, 0, room, SOCKET_ID_ANY);
  if (pool == nullptr)
    return environment_error("no memory for packet buffers",
                             fmt::format("{} of {} bytes: {}", count, room, rte_strerror(rte_errno)),
                             "more for DPDK, as -- --no-huge --no-shconf -m 1024");
  return pool;
}

// Drivers may hold its buffers until the process ends: it is never freed, but taken again when the port is opened
// again.
Expected<rte_mempool*> receive_pool(const PortFacts& facts, const PortOptions& options) {
  const std::uint32_t room = std::max(options.largest_frame, vdev_room(facts.driver, facts.arguments).mbuf);
  const std::string name = fmt::format("weft_rx_{}_{}_{}", facts.index, options.receive_buffers, room);
  if (rte_mempool* made = rte_mempool_lookup(name.c_str()); made != nullptr) return made;
  return make_pool(name, options.receive_buffers, room);
}

rte_eth_conf configuration(const PortFacts& facts, const PortOptions& options) {
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::max(options.largest_frame - kLinkOverhead, std::min(kUsualMtu, facts.largest_mtu));
  if (is_virtual(facts) && facts.longest_frame > 0)  // a memif says 1518, and takes what its bsize holds
    conf.rxmode.mtu = std::min(conf.rxmode.mtu, facts.longest_frame - kLinkOverhead - RTE_ETHER_CRC_LEN);
  rte_eth_dev_info info{};
  if (options.receive_queues > 1 && rte_eth_dev_info_get(facts.index, &info) == 0) {
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
    if (conf.rx_adv_conf.rss_conf.rss_hf != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  }
  return conf;
}

Expected<void> start(const PortFacts& facts, const PortOptions& options, rte_mempool* pool) {
  const std::uint16_t index = facts.index;
  const rte_eth_conf conf = configuration(facts, options);
  if (const int code = rte_eth_dev_configure(index, options.receive_queues, options.transmit_queues, &conf); code != 0)
    return refused(facts, "it refuses this configuration", code);
  std::uint16_t receive_slots = options.descriptors, transmit_slots = options.descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(index, &receive_slots, &transmit_slots);
  for (std::uint16_t queue = 0; queue < options.receive_queues; ++queue)
    if (const int code = rte_eth_rx_queue_setup(index, queue, receive_slots, SOCKET_ID_ANY, nullptr, pool); code != 0)
      return refused(facts, "it refuses a receive queue", code);
  for (std::uint16_t queue = 0; queue < options.transmit_queues; ++queue)
    if (const int code = rte_eth_tx_queue_setup(index, queue, transmit_slots, SOCKET_ID_ANY, nullptr); code != 0)
      return refused(facts, "it refuses a transmit queue", code);
  if (const int code = rte_eth_dev_start(index); code != 0) return refused(facts, "it does not start", code);
  rte_eth_promiscuous_enable(index);  // not all drivers have it; frames to our own address come anyway
  return {};
}

Expected<void> wait_until_up(PortFacts& facts, Duration limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::nanoseconds(limit.picoseconds / 1000);
  for (read_link(facts); !facts.link_up && Clock::now() < end; read_link(facts))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (facts.link_up) return {};
  return environment_error(fmt::format("the link of port {} ({}) is down", facts.name, facts.driver),
                           "waited " + to_text(limit),
                           "check the cable and the peer; of a memif or virtio port, start the other process");
}

// One queue pair; frames are copied.
class PortIo : public FrameIo {
 public:
  PortIo(const Port& port, std::uint16_t queue, rte_mempool* pool) : port_(&port), queue_(queue), pool_(pool) {}
  ~PortIo() override {
    for (; next_ < came_; ++next_) rte_pktmbuf_free(waiting_[next_]);
    rte_mempool_free(pool_);
  }

  bool send(std::span<const std::uint8_t> frame) override {
    if (frame.size() > largest_frame()) return false;
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) return false;
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
    if (port_->send(queue_, {&mbuf, 1}) == 1) return true;
    rte_pktmbuf_free(mbuf);
    return false;
  }

  std::size_t receive(std::span<std::uint8_t> buffer) override {
    if (next_ == came_) {  // in bursts: vector drivers give nothing to those who ask for one
      next_ = 0;
      came_ = port_->receive(queue_, waiting_);
      if (came_ == 0) return 0;
    }
    rte_mbuf* mbuf = waiting_[next_++];
    const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(mbuf->pkt_len, buffer.size()));
    const void* bytes = rte_pktmbuf_read(mbuf, 0, size, buffer.data());
    if (bytes != nullptr && bytes != buffer.data()) std::memcpy(buffer.data(), bytes, size);
    rte_pktmbuf_free(mbuf);
    return size;
  }

  [[nodiscard]] std::size_t largest_frame() const override { return port_->largest_frame(); }

 private:
  const Port* port_;
  std::uint16_t queue_;
  rte_mempool* pool_;
  std::array<rte_mbuf*, 32> waiting_{};
  std::uint16_t came_ = 0, next_ = 0;
};

}  // namespace

Error no_port(const Eal& eal) {
  return {ErrorCode::kEnvironment,
          "DPDK has no port",
          reason_in(eal.log()),
          "name a virtual one, as -- --vdev net_ring0, or bind a NIC: dpdk-devbind.py --bind=vfio-pci ADDRESS",
          {}};
}

Expected<void> check_frame_size(const PortFacts& facts, std::uint32_t largest_frame) {
  const std::uint32_t mtu = largest_frame - kLinkOverhead;
  std::uint32_t most = facts.largest_mtu > 0 ? facts.largest_mtu : UINT32_MAX;
  if (!is_virtual(facts) && facts.longest_frame > kLinkOverhead + RTE_ETHER_CRC_LEN)
    most = std::min(most, facts.longest_frame - kLinkOverhead - RTE_ETHER_CRC_LEN);
  if (mtu <= most) return {};
  return environment_error(fmt::format("port {} ({}) carries an MTU of {} bytes at most, and the frame needs {}",
                                       facts.name, facts.driver, most, mtu),
                           {}, "lower --mtu or --size, or take a port that carries jumbo frames");
}

std::vector<PortFacts> list_ports(const Eal& /*eal*/) {
  std::vector<PortFacts> ports;
  for (std::uint64_t index = rte_eth_find_next_owned_by(0, RTE_ETH_DEV_NO_OWNER); index < RTE_MAX_ETHPORTS;
       index = rte_eth_find_next_owned_by(static_cast<std::uint16_t>(index + 1), RTE_ETH_DEV_NO_OWNER)) {
    ports.push_back(facts_of(static_cast<std::uint16_t>(index)));
    read_link(ports.back());
  }
  return ports;
}

Expected<Port> Port::open(const Eal& eal, const PortOptions& options) {
  WEFT_CHECK(options.largest_frame > kLinkOverhead);
  auto facts = find(eal, options.device);
  if (!facts) return tl::unexpected(facts.error());
  if (const auto fits = check_limits(*facts, options); !fits) return tl::unexpected(fits.error());
  Port port;
  port.facts_ = *facts;
  port.largest_frame_ = options.largest_frame;
  port.receive_queues_ = options.receive_queues;
  const auto pool = receive_pool(*facts, options);
  if (!pool) return tl::unexpected(pool.error());
  if (const auto done = start(port.facts_, options, *pool); !done) return tl::unexpected(done.error());
  port.started_ = true;
  if (options.link_wait > Duration{})
    if (const auto up = port.wait_for_link(options.link_wait); !up) return tl::unexpected(up.error());
  return port;
}

Expected<void> Port::wait_for_link(Duration limit) { return wait_until_up(facts_, limit); }

Port::Port(Port&& other) noexcept
    : facts_(std::move(other.facts_)),
      largest_frame_(other.largest_frame_),
      receive_queues_(other.receive_queues_),
      started_(std::exchange(other.started_, false)) {}

// Not closed: a closed virtual port is gone, and EAL's end closes what is left.
Port::~Port() {
  if (!started_ || ends_with_process(facts_.driver.c_str())) return;
  drain();
  rte_eth_dev_stop(facts_.index);
}

void Port::drain() const {
  if (ends_with_process(facts_.driver.c_str())) return;  // it copies: no buffer of a sender's lies in it
  std::array<rte_mbuf*, 32> frames{};
  for (std::uint16_t queue = 0; queue < receive_queues_; ++queue)
    for (int bursts = 0; bursts < 4096; ++bursts) {
      const std::uint16_t count = receive(queue, frames);
      if (count == 0) break;
      rte_pktmbuf_free_bulk(frames.data(), count);
    }
}

PortCounters Port::counters() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(facts_.index, &stats) != 0) return {};
  return {stats.ipackets, stats.opackets, stats.ibytes,  stats.obytes,
          stats.imissed,  stats.ierrors,  stats.oerrors, stats.rx_nombuf};
}

void Port::reclaim(std::uint16_t queue) const { rte_eth_tx_done_cleanup(facts_.index, queue, 0); }

std::uint16_t Port::receive(std::uint16_t queue, std::span<rte_mbuf*> out) const {
  return rte_eth_rx_burst(facts_.index, queue, out.data(), static_cast<std::uint16_t>(out.size()));
}

std::uint16_t Port::send(std::uint16_t queue, std::span<rte_mbuf*> frames) const {
  return rte_eth_tx_burst(facts_.index, queue, frames.data(), static_cast<std::uint16_t>(frames.size()));
}

Expected<std::unique_ptr<FrameIo>> make_frame_io(const Port& port, std::uint16_t queue) {
  constexpr std::uint32_t kBuffers = 1023;
  const auto pool = make_pool(fmt::format("weft_io_{}_{}", port.index(), queue), kBuffers, port.largest_frame());
  if (!pool) return tl::unexpected(pool.error());
  return std::make_unique<PortIo>(port, queue, *pool);
}

}  // namespace weft::dpdk
