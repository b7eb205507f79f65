#include "verbs/control.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>

namespace weft::verbs {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Milliseconds kPollStep{50};  // how late a stop may be seen

std::string reason(int error) { return std::generic_category().message(error); }

tl::unexpected<Error> stopped() { return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}}); }

// Waits until the socket is ready. Errors: kInterrupted, or `late` at the deadline.
Expected<void> wait_for(int fd, short events, Clock::time_point deadline, const std::atomic<bool>* stop,
                        const std::string& late) {
  while (true) {
    if (stop != nullptr && *stop) return stopped();
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    if (left.count() < 0) return environment_error(late);
    pollfd ready{fd, events, 0};
    if (::poll(&ready, 1, static_cast<int>(std::min(left, kPollStep).count())) > 0) return {};
  }
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Expected<Addresses> resolved(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) return input_error(fmt::format("cannot resolve the address: {}", gai_strerror(failed)), host);
  return Addresses(found, &freeaddrinfo);
}

Expected<Descriptor> socket_for(const addrinfo& to, const std::string& bind_to) {
  Descriptor made(::socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol));
  if (made.get() < 0) return environment_error("cannot make a socket", reason(errno));
  if (bind_to.empty()) return made;
  const auto from = resolved(bind_to, 0, AI_NUMERICHOST);
  if (!from) return tl::unexpected(from.error());
  if (::bind(made.get(), (*from)->ai_addr, (*from)->ai_addrlen) != 0)
    return environment_error("cannot use the local address", bind_to, reason(errno));
  return made;
}

std::string numeric(const sockaddr_storage& address, socklen_t length) {
  std::array<char, NI_MAXHOST> text{};
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, text.data(), text.size(), nullptr, 0,
              NI_NUMERICHOST);
  const std::string_view plain = text.data();
  return std::string(plain.starts_with("::ffff:") ? plain.substr(7) : plain);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Control::Control(Descriptor socket, Milliseconds limit, const std::atomic<bool>* stop)
    : socket_(std::move(socket)), limit_(limit), stop_(stop) {
  fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A host that vanishes without a word is noticed within fifteen seconds.
  const unsigned silence = 15000;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
  setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const int seconds = 3;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
}

Expected<Control> Control::connected(const std::string& host, std::uint16_t port, const std::string& bind,
                                     Milliseconds limit, const std::atomic<bool>* stop) {
  const auto addresses = resolved(host, port, 0);
  if (!addresses) return tl::unexpected(addresses.error());
  const auto deadline = Clock::now() + limit;
  const std::string peer = fmt::format("{} port {}", host, port);
  const char* const hint = "start `weft verbs bw --listen` there first; check the address and firewalls";
  Error last{ErrorCode::kEnvironment, "cannot connect to the peer", peer, hint, {}};
  for (const addrinfo* to = addresses->get(); to != nullptr; to = to->ai_next) {
    auto socket = socket_for(*to, bind);
    if (!socket) return tl::unexpected(socket.error());
    int failed = ::connect(socket->get(), to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (failed == EINPROGRESS) {
      if (auto ready = wait_for(socket->get(), POLLOUT, deadline, stop, "the peer did not answer in time"); !ready) {
        ready.error().item = peer;
        ready.error().way_out = hint;
        return tl::unexpected(ready.error());
      }
      socklen_t length = sizeof failed;
      getsockopt(socket->get(), SOL_SOCKET, SO_ERROR, &failed, &length);
    }
    if (failed == 0) return Control(std::move(*socket), limit, stop);
    last.message = fmt::format("cannot connect to the peer: {}", reason(failed));
  }
  return tl::unexpected(last);
}

Expected<void> Control::send(const ControlMessage& message) {
  const std::string bytes = encode(message);
  const auto deadline = Clock::now() + limit_;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno != EAGAIN && errno != EINTR) {
      return environment_error("lost the control connection to the peer", peer_address(), reason(errno));
    } else if (auto ready = wait_for(socket_.get(), POLLOUT, deadline, nullptr, "the peer takes no messages"); !ready) {
      return ready;
    }
  }
  return {};
}

Expected<void> Control::read_some(Milliseconds wait) {
  // Not a byte beyond the message: what follows it may be another protocol's, such as a collective's data.
  std::size_t whole = kControlHeadSize;
  if (unread_.size() >= whole)
    if (const auto head = decode_head(std::string_view(unread_).substr(0, whole)); head) whole += head->length;
  std::array<char, 65536> space;
  const std::size_t wanted = whole > unread_.size() ? std::min(whole - unread_.size(), space.size()) : 1;
  const ssize_t n = ::recv(socket_.get(), space.data(), wanted, 0);
  if (n > 0) unread_.append(space.data(), static_cast<std::size_t>(n));
  if (n > 0) return {};
  if (n == 0)
    return environment_error("the peer closed the control connection", peer_address(),
                             "see its own message: it ended, was killed or refused");
  if (errno != EAGAIN && errno != EINTR)
    return environment_error("lost the control connection to the peer", peer_address(), reason(errno));
  if (wait.count() == 0) return {};
  pollfd ready{socket_.get(), POLLIN, 0};
  ::poll(&ready, 1, static_cast<int>(wait.count()));
  return {};
}

Expected<std::optional<ControlMessage>> Control::poll() {
  if (unread_.size() < kControlHeadSize) {
    if (auto read = read_some(Milliseconds(0)); !read) return tl::unexpected(read.error());
  }
  // Not ours is known by four bytes already: no waiting for the rest of a head that never comes.
  if (!unread_.empty() && std::string_view("WEFT").substr(0, unread_.size()) != std::string_view(unread_).substr(0, 4))
    return tl::unexpected(decode_head(std::string_view(unread_).substr(0, kControlHeadSize)).error());
  if (unread_.size() < kControlHeadSize) return std::nullopt;
  const auto head = decode_head(std::string_view(unread_).substr(0, kControlHeadSize));
  if (!head) return tl::unexpected(head.error());
  if (unread_.size() < kControlHeadSize + head->length) {
    if (auto read = read_some(Milliseconds(0)); !read) return tl::unexpected(read.error());
    if (unread_.size() < kControlHeadSize + head->length) return std::nullopt;
  }
  auto body = decode_body(std::string_view(unread_).substr(kControlHeadSize, head->length));
  if (!body) return tl::unexpected(body.error());
  unread_.erase(0, kControlHeadSize + head->length);
  return ControlMessage{head->kind, std::move(*body)};
}

Expected<ControlMessage> Control::receive_any() {
  const auto deadline = Clock::now() + limit_;
  while (true) {
    auto message = poll();
    if (!message) return tl::unexpected(message.error());
    if (*message && (*message)->kind == ControlKind::kAlive) continue;
    if (*message && (*message)->kind == ControlKind::kRefused) {
      refused_ = true;
      const auto& body = (*message)->body;
      const std::string why =
          body.contains("message") && body["message"].is_string() ? body["message"].get<std::string>() : "";
      return environment_error("the peer refused: " + why);
    }
    if (*message) return std::move(**message);
    if (stop_ != nullptr && *stop_) return stopped();
    if (Clock::now() > deadline)
      return environment_error("the peer said nothing for too long", fmt::format("{} s", limit_.count() / 1000),
                               "it may hang or be cut off");
    pollfd ready{socket_.get(), POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(kPollStep.count()));
  }
}

Expected<nlohmann::ordered_json> Control::receive(ControlKind kind) {
  auto message = receive_any();
  if (!message) return tl::unexpected(message.error());
  if (message->kind != kind)
    return input_error("the peer sent another message than was its turn",
                       fmt::format("{}, not {}", static_cast<int>(message->kind), static_cast<int>(kind)));
  return std::move(message->body);
}

std::string Control::local_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return numeric(address, length);
}

std::string Control::peer_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return numeric(address, length);
}

Expected<Listener> Listener::listening(const std::string& bind, std::uint16_t port) {
  auto addresses = resolved(bind, port, AI_PASSIVE);
  if (!addresses) return tl::unexpected(addresses.error());
  const std::string place = fmt::format("{} port {}", bind.empty() ? "any address" : bind, port);
  int failed = 0;
  // The last of the list first: on Linux "::" also takes IPv4.
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
    if (bind.empty() && at->ai_family != AF_INET6 && at->ai_next != nullptr) continue;
    auto socket = socket_for(*at, {});
    if (!socket) return tl::unexpected(socket.error());
    const int on = 1;
    setsockopt(socket->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket->get(), at->ai_addr, at->ai_addrlen) == 0 && ::listen(socket->get(), 16) == 0) {
      Listener made;
      made.socket_ = std::move(*socket);
      return made;
    }
    failed = errno;
  }
  return environment_error("cannot listen", place, reason(failed) + "; choose another --control-port");
}

Expected<Control> Listener::accepted(Milliseconds wait, Milliseconds limit, const std::atomic<bool>* stop) {
  const auto late = fmt::format("nobody connected within {} s", wait.count() / 1000);
  if (auto ready = wait_for(socket_.get(), POLLIN, Clock::now() + wait, stop, late); !ready)
    return tl::unexpected(ready.error());
  Descriptor peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (peer.get() < 0) return environment_error("cannot accept a connection", reason(errno));
  return Control(std::move(peer), limit, stop);
}

std::uint16_t Listener::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const bool six = address.ss_family == AF_INET6;
  return ntohs(six ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace weft::verbs
