// One Ethernet port of DPDK: found, checked, started; stopped with the object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dpdk/eal.h"
#include "dpdk/frame_io.h"
#include "fabric/units.h"
#include "fabric/wire/network_headers.h"

struct rte_mempool;
struct rte_mbuf;

namespace weft::dpdk {

struct PortOptions {
  std::string device;  // its name, as net_memif0 or 0000:81:00.0, or its index; empty: index 0
  std::uint16_t receive_queues = 1, transmit_queues = 1;
  std::uint16_t descriptors = 1024;       // of each queue; the driver rounds
  std::uint32_t largest_frame = 1514;     // that will be sent or received: with Ethernet header, without FCS
  std::uint32_t receive_buffers = 8192;   // mbufs of all receive queues together
  Duration link_wait{3'000'000'000'000};  // for the link to come up; 0: open() does not ask, see wait_for_link()
};

struct PortFacts {
  std::uint16_t index = 0;
  std::string name, driver;
  wire::MacAddress mac{};
  bool link_up = false;
  Rate link_rate{};  // 0: the driver does not know
  std::uint32_t largest_mtu = 0;
  std::uint32_t longest_frame = 0;  // with Ethernet header and FCS; what virtual drivers say of it is not true of all
  std::string arguments;            // of a virtual port: what followed its name in --vdev
  std::uint16_t most_receive_queues = 0, most_transmit_queues = 0;
};

// All ports that EAL found, in order.
[[nodiscard]] std::vector<PortFacts> list_ports(const Eal& eal);

// The error of having none, with what EAL said of it.
[[nodiscard]] Error no_port(const Eal& eal);

// Whether frames of that size, without FCS, can pass. Errors: both sizes, and what to do.
[[nodiscard]] Expected<void> check_frame_size(const PortFacts& facts, std::uint32_t largest_frame);

// The port's own counters since it started.
struct PortCounters {
  std::uint64_t received = 0, sent = 0, received_bytes = 0, sent_bytes = 0;
  std::uint64_t missed = 0;  // came and found no buffer or descriptor
  std::uint64_t receive_errors = 0, send_errors = 0, no_buffer = 0;
};

class Port {
 public:
  // Errors: no port, no such port, a frame above what its MTU can be or its buffers hold, too few queues, link down, no
  // memory, each with what to do.
  [[nodiscard]] static Expected<Port> open(const Eal& eal, const PortOptions& options);
  Port(Port&&) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  // Of two ports cabled to one another: after both were opened. Errors: it stays down.
  [[nodiscard]] Expected<void> wait_for_link(Duration limit);

  [[nodiscard]] std::uint16_t index() const { return facts_.index; }
  [[nodiscard]] const PortFacts& facts() const { return facts_; }
  [[nodiscard]] std::uint32_t largest_frame() const { return largest_frame_; }
  [[nodiscard]] PortCounters counters() const;

  // rte_eth_rx_burst and rte_eth_tx_burst: how many came, how many went. Never wait.
  [[nodiscard]] std::uint16_t receive(std::uint16_t queue, std::span<rte_mbuf*> out) const;
  [[nodiscard]] std::uint16_t send(std::uint16_t queue, std::span<rte_mbuf*> frames) const;
  // Asks the driver to give back buffers of frames that went. Not all drivers can.
  void reclaim(std::uint16_t queue) const;
  // Throws away what waits in its receive queues.
  void drain() const;

 private:
  Port() = default;
  PortFacts facts_;
  std::uint32_t largest_frame_ = 0;
  std::uint16_t receive_queues_ = 0;
  bool started_ = false;
};

// One queue pair of a port as FrameIo. The port must outlive it.
// Errors: no memory for its buffers.
[[nodiscard]] Expected<std::unique_ptr<FrameIo>> make_frame_io(const Port& port, std::uint16_t queue = 0);

}  // namespace weft::dpdk
