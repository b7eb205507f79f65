// The connection over which two hosts agree on a plan and exchange QPs: JSON messages over TCP, each behind a head of
// 12 bytes: "WEFT", version, kind, length. A peer that speaks anything else is refused by its first bytes.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fabric/error.h"

namespace weft::verbs {

constexpr std::uint16_t kControlVersion = 2;
constexpr std::uint16_t kDefaultControlPort = 18600;
constexpr std::size_t kControlHeadSize = 12;
constexpr std::size_t kLargestControlBody = std::size_t{4} << 20;  // B; an offer of 16,384 QPs is 1 MiB

enum class ControlKind : std::uint16_t {
  kPlan = 1,
  kOffer,
  kStart,
  kAlive,
  kRound,
  kChecked,
  kDone,
  kReport,
  kRefused,
  kBye
};

struct ControlMessage {
  ControlKind kind = ControlKind::kBye;
  nlohmann::ordered_json body;
};
struct ControlHead {
  ControlKind kind = ControlKind::kBye;
  std::size_t length = 0;
};

[[nodiscard]] std::string encode(const ControlMessage& message);
// Errors: kInput: not weft's protocol, another version, unknown kind, too long.
[[nodiscard]] Expected<ControlHead> decode_head(std::string_view head);
// Errors: kInput: not JSON, not an object, nested too deep.
[[nodiscard]] Expected<nlohmann::ordered_json> decode_body(std::string_view body);

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

using Milliseconds = std::chrono::milliseconds;

// Every wait ends at `limit` with kEnvironment, and after a stop with kInterrupted.
class Control {
 public:
  // Over a connected stream socket.
  Control(Descriptor socket, Milliseconds limit, const std::atomic<bool>* stop);
  // `bind`: local address, may be empty. Errors: kInput: no such host; kEnvironment: refused, no route, timed out.
  [[nodiscard]] static Expected<Control> connected(const std::string& host, std::uint16_t port, const std::string& bind,
                                                   Milliseconds limit, const std::atomic<bool>* stop);

  [[nodiscard]] Expected<void> send(const ControlMessage& message);
  // The next message, which must be of this kind. A peer's refusal comes back as its error.
  [[nodiscard]] Expected<nlohmann::ordered_json> receive(ControlKind kind);
  [[nodiscard]] Expected<ControlMessage> receive_any();
  // The same without waiting; nullopt: nothing whole is there yet.
  [[nodiscard]] Expected<std::optional<ControlMessage>> poll();

  // Whether the peer has said that it gives up.
  [[nodiscard]] bool was_refused() const { return refused_; }

  // Bytes came that poll() has not yet given out: the descriptor does not tell of them.
  [[nodiscard]] bool has_unread() const { return unread_.size() >= kControlHeadSize; }
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] Milliseconds limit() const { return limit_; }
  [[nodiscard]] std::string local_address() const;
  [[nodiscard]] std::string peer_address() const;

 private:
  Expected<void> read_some(Milliseconds wait);

  Descriptor socket_;
  Milliseconds limit_;
  const std::atomic<bool>* stop_;
  std::string unread_;
  bool refused_ = false;
};

class Listener {
 public:
  // `bind` empty: all addresses; port 0: a free one. Errors: kEnvironment, kInput.
  [[nodiscard]] static Expected<Listener> listening(const std::string& bind, std::uint16_t port);
  // The next connection. Errors: kEnvironment when nobody came in time, kInterrupted.
  [[nodiscard]] Expected<Control> accepted(Milliseconds wait, Milliseconds limit, const std::atomic<bool>* stop);
  [[nodiscard]] std::uint16_t port() const;

 private:
  Descriptor socket_;
};

}  // namespace weft::verbs
