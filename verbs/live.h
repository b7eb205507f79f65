// A run without end tells each second what it was like, as perftest's --run_infinitely does.
#pragma once

#include <optional>

#include "verbs/traffic.h"

namespace weft::verbs {

class LiveRows {
 public:
  // Silent unless the run has no end, this side sends, and the session wants to know.
  LiveRows(const Session& session, const RunSpec& spec);

  void record(std::uint64_t nanoseconds, std::uint64_t messages) {
    if (!latency_) return;
    latency_->record(nanoseconds);
    messages_ += messages;
  }
  void look(std::uint64_t now) {
    if (latency_ && now - since_ >= second_) tell(now);
  }

 private:
  void tell(std::uint64_t now);

  const Session& session_;
  const RunSpec& spec_;
  std::optional<Histogram> latency_;  // since the last row
  std::uint64_t messages_ = 0;
  std::uint64_t second_ = 0, since_ = 0;  // ticks
};

}  // namespace weft::verbs
