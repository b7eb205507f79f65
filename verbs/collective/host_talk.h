// Hosts of a collective among one another: all meet at host 0, tell it what they measured, and hear from it who gave
// up.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "verbs/collective/host_ranks.h"

namespace weft::verbs {

// What a host's ranks measured at one size.
struct HostReport {
  Duration time{};  // of the slowest
  Bytes size{};
  double wrong = 0;
  std::string algorithm;
};

class HostTalk {
 public:
  HostTalk(const HostRanksRequest& request, const std::atomic<bool>& stop) : request_(request), stop_(stop) {}
  // Errors: kEnvironment: a host that is not there in time, by its address; kInput: hosts with different plans.
  [[nodiscard]] Expected<void> meet();
  // Reads what has come, without waiting. Errors: a host that died or gave up, by its name.
  [[nodiscard]] Expected<void> hear();
  [[nodiscard]] Expected<void> tell(const HostReport& report);
  // Host 0: one report of each other host. Bounded.
  [[nodiscard]] Expected<std::vector<HostReport>> reports();
  // Others: until host 0 has all. Bounded.
  [[nodiscard]] Expected<void> wait_for_end();
  // Tells all that this host is done, or why it gives up.
  void end(const std::optional<Error>& error);

 private:
  [[nodiscard]] std::string name(std::uint32_t host) const;
  [[nodiscard]] Expected<void> meet_all();
  [[nodiscard]] Expected<void> meet_first();
  [[nodiscard]] Expected<std::uint32_t> newcomer(Control& control) const;

  const HostRanksRequest& request_;
  const std::atomic<bool>& stop_;
  std::map<std::uint32_t, Control> controls_;  // host 0: of all others; others: of host 0
  std::map<std::uint32_t, std::deque<HostReport>> reports_;
  bool ended_ = false;
};

}  // namespace weft::verbs
