// Probes from plain UDP sockets, a socket a source port; answers come from its error queue (ip(7), IP_RECVERR).
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>

#include "dpdk/checks/path_trace.h"

namespace weft::dpdk {
namespace {

Error system_error(const std::string& what, const std::string& item, const std::string& way_out) {
  return Error{ErrorCode::kEnvironment, what + ": " + std::generic_category().message(errno), item, way_out, {}};
}

// As bind() and connect() take it; none: any address of that version.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress address_of(const Address& ip, std::uint16_t port, bool v4) {
  SocketAddress address;
  if (v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(ip.v4());
    std::memcpy(&address.storage, &in, address.size = sizeof in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.v6().data(), 16);
    std::memcpy(&address.storage, &in, address.size = sizeof in);
  }
  return address;
}

constexpr std::size_t kPayloadSize = 16;  // its last byte is the TTL, for late answers of an earlier hop

class UdpProber final : public Prober {
 public:
  UdpProber(const Address& source, const Address& destination, std::uint8_t dscp)
      : source_(source), destination_(destination), dscp_(dscp), v4_(destination.is_v4()) {}
  ~UdpProber() override {
    for (const auto& [port, open] : sockets_) close(open.fd);
  }

  Expected<void> send(const Probe& probe) override {
    const auto socket = socket_of(probe.source_port);
    if (!socket) return tl::unexpected(socket.error());
    const int ttl = probe.ttl;
    if (v4_)
      setsockopt((*socket)->fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    else
      setsockopt((*socket)->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
    (*socket)->ttl = probe.ttl;
    std::array<std::uint8_t, kPayloadSize> payload{'w', 'e', 'f', 't', ' ', 't', 'r', 'a', 'c', 'e'};
    payload.back() = probe.ttl;
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (::send((*socket)->fd, payload.data(), payload.size(), 0) >= 0) return {};
      // An error of an earlier probe is reported here; it waits in the queue, too.
      if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH) break;
    }
    if (errno == ECONNREFUSED || errno == EHOSTUNREACH) return {};
    return tl::unexpected(system_error("cannot send a probe", address_text(destination_), "check route and firewall"));
  }

  Expected<std::optional<ProbeAnswer>> receive(Duration wait) override {
    std::vector<pollfd> polled;
    std::vector<std::uint16_t> ports;
    for (const auto& [port, open] : sockets_) {
      polled.push_back({open.fd, 0, 0});  // errors are always told
      ports.push_back(port);
    }
    const auto milliseconds = static_cast<int>((wait.picoseconds + 999'999'999) / 1'000'000'000);
    if (poll(polled.data(), polled.size(), milliseconds) <= 0) return std::nullopt;
    for (std::size_t i = 0; i < polled.size(); ++i)
      if ((polled[i].revents & POLLERR) != 0)
        if (auto answer = error_of(polled[i].fd, ports[i])) return answer;
    return std::nullopt;
  }

 private:
  struct Open {
    int fd = -1;
    std::uint8_t ttl = 0;
  };

  Expected<Open*> socket_of(std::uint16_t port) {
    if (const auto found = sockets_.find(port); found != sockets_.end()) return &found->second;
    const int fd = socket(v4_ ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
      return tl::unexpected(system_error("cannot open a socket", fmt::format("port {}", port),
                                         "fewer source ports, or a higher ulimit -n"));
    Open& open = sockets_[port];
    open.fd = fd;
    const int on = 1, discover = IP_PMTUDISC_DO, tos = dscp_ << 2;
    if (v4_) {
      setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
      setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
      setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    } else {
      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
      setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    }
    const SocketAddress from = address_of(source_, port, v4_), to = address_of(destination_, wire::kRoceV2Port, v4_);
    if (bind(fd, from.get(), from.size) != 0)
      return tl::unexpected(system_error("cannot use the source port", fmt::format("{}", port),
                                         "another program has it, or the address is not this host's"));
    if (connect(fd, to.get(), to.size) != 0)
      return tl::unexpected(system_error("no way to the destination", address_text(destination_), "check the route"));
    return &open;
  }

  static Address offender_of(const unsigned char* at, bool v4) {
    if (v4) {
      sockaddr_in offender{};
      std::memcpy(&offender, at, sizeof offender);
      return ntohl(offender.sin_addr.s_addr);
    }
    sockaddr_in6 offender{};
    std::memcpy(&offender, at, sizeof offender);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &offender.sin6_addr, bytes.size());
    return Address(bytes);
  }

  std::optional<ProbeAnswer> error_of(int fd, std::uint16_t port) {
    std::array<char, 512> control{};
    std::array<std::uint8_t, 64> payload{};
    iovec data{payload.data(), payload.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t quoted = recvmsg(fd, &message, MSG_ERRQUEUE);
    if (quoted < 0) {
      int pending = 0;  // an error without a place in the queue: taken, or poll() would tell it for ever
      socklen_t size = sizeof pending;
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size);
      return std::nullopt;
    }
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
      if (!v4 && (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_RECVERR)) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(c), sizeof error);
      if (error.ee_origin != (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6)) continue;
      const Address from = offender_of(CMSG_DATA(c) + sizeof error, v4);
      const std::uint8_t unreachable = v4 ? 3 : 1, nothing_listens = v4 ? 3 : 4;  // RFC 792; RFC 4443, section 3.1
      const bool arrived = from == destination_ || (error.ee_type == unreachable && error.ee_code == nothing_listens);
      const bool whole = quoted >= static_cast<ssize_t>(kPayloadSize);  // a router may quote 8 bytes only
      const std::uint8_t ttl = whole ? payload[kPayloadSize - 1] : sockets_[port].ttl;
      return ProbeAnswer{{port, ttl}, from, arrived};
    }
    return std::nullopt;
  }

  Address source_, destination_;
  std::uint8_t dscp_;
  bool v4_;
  std::map<std::uint16_t, Open> sockets_;
};

}  // namespace

Expected<std::unique_ptr<Prober>> make_udp_prober(const Address& source, const Address& destination,
                                                  std::uint8_t dscp) {
  return std::make_unique<UdpProber>(source, destination, dscp);
}

}  // namespace weft::dpdk
