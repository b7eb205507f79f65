// The control connection while traffic runs: signs of life each way, and what the peer says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "verbs/traffic.h"

namespace weft::verbs {

struct Round {
  std::uint64_t from = 0, to = 0;  // messages of each QP
};

class Watch {
 public:
  explicit Watch(Session& session);

  // To be called often; does something once a millisecond, once in 16 while `busy`, for it costs a system call.
  // Errors: the peer is gone, silent or has refused.
  [[nodiscard]] Expected<void> look(std::uint64_t now, bool busy) {
    if (now - last_look_ < (busy ? 16 * look_interval_ : look_interval_)) return {};
    return look_now(now);
  }
  [[nodiscard]] Expected<void> look_now(std::uint64_t now);
  [[nodiscard]] Expected<void> say(ControlKind kind, nlohmann::ordered_json body);
  // Sleeps until the peer says something, or 20 ms: where its device does all the work here.
  void rest() const;
  // This side's report for the peer's. Errors: as look().
  [[nodiscard]] Expected<SideReport> trade_reports(const SideReport& mine);

  std::optional<Round> asked;                      // to check
  std::uint64_t checked_to = 0;                    // the peer has checked our messages so far
  std::optional<std::vector<std::uint64_t>> done;  // the peer has sent all: that many on each QP
  std::optional<SideReport> report;

 private:
  Expected<void> hear(const ControlMessage& message);

  Session& session_;
  std::uint64_t look_interval_, last_look_ = 0, last_said_, last_heard_;
};

// Tells the peer why it ends here, as far as it still listens.
void refuse(Control& control, const Error& error);

}  // namespace weft::verbs
