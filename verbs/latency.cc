#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "verbs/live.h"
#include "verbs/pattern.h"
#include "verbs/receiver.h"
#include "verbs/sender.h"
#include "verbs/watch.h"

namespace weft::verbs {
namespace {

constexpr std::uint64_t kMarks = 251;                 // a prime: neighbours in time never share a mark
constexpr std::chrono::milliseconds kLostAfter{250};  // of a transport that may lose
constexpr int kSpins = 64;                            // polls between two looks at anything else

class LatencyRun {
 public:
  LatencyRun(Session& session, Receiver& receiver, const RunSpec& spec, Side side)
      : session_(session),
        plan_(session.plan),
        spec_(spec),
        c_(session.connection),
        receiver_(receiver),
        watch_(session),
        sleeper_(session),
        live_(session, spec),
        caller_(side == Side::kCaller),
        sender_(c_, plan_, spec.size, fetches(plan_.op) ? 1 : std::clamp(plan_.depth / 2, 1U, 32U), 1),
        queue_(sender_.queues()[0]) {
    const Layout layout(plan_, spec.size);
    written_ = c_.memory.data() + layout.incoming(0, 0);
    queue_.limit = ~std::uint64_t{0};
    shortest_yield_ = session.clock.ticks_of(std::chrono::microseconds(100));
    quickest_ = 2 * shortest_yield_;
  }

  RunOutcome run() {
    start_ = last_progress_ = ticks();
    deadline_ = start_ + session_.clock.ticks_of(std::chrono::milliseconds(spec_.duration_ms));
    Expected<void> ended = caller_ ? call() : answer();
    busy_ = ticks() - start_;
    RunOutcome outcome;
    if (ended) ended = close(outcome);
    fill_report(outcome);
    if (!ended) outcome.error = ended.error();
    return outcome;
  }

 private:
  [[nodiscard]] bool enough() const {
    return interrupted_ || (spec_.iterations > 0 && messages_ >= spec_.iterations) || late_;
  }

  Expected<void> call() {
    for (std::uint64_t turn = 0; !enough(); ++turn) {
      const auto mark = static_cast<std::uint8_t>(turn % kMarks + 1);
      sender_.mark(mark);
      const std::uint64_t posted = ticks();
      if (auto done = post(posted); !done) return done;
      arrived_ = false;
      while (!arrived_ && !interrupted_) {
        if (auto done = step(mark); !done) return done;
        if (!arrived_ && !is_reliable(plan_.transport) && ticks() - posted > session_.clock.ticks_of(kLostAfter)) break;
      }
      const std::uint64_t now = arrived_ ? last_progress_ : ticks();
      if (spec_.iterations == 0 && spec_.duration_ms > 0 && now >= deadline_) late_ = true;
      if (arrived_) {
        ++messages_;
        const std::uint64_t taken = session_.clock.nanoseconds(now - posted) / (fetches(plan_.op) ? 1 : 2);
        latency_.record(taken);
        live_.record(taken, 1);
        live_.look(now);
      } else if (!interrupted_) {
        ++lost_;
        last_progress_ = ticks();  // known as lost: no stall
        if (spec_.iterations > 0 && lost_ > spec_.iterations + 20)
          return environment_error("nearly every message was lost");
      }
    }
    return watch_.say(ControlKind::kDone, {{"sent", {messages_}}});
  }

  // Sends each message back until the caller has enough.
  Expected<void> answer() {
    while (!watch_.done) {
      arrived_ = false;
      while (!arrived_ && !watch_.done)
        if (auto done = step(0); !done) return done;
      if (!arrived_ || fetches(plan_.op)) continue;
      ++messages_;
      sender_.mark(last_mark_);
      if (auto done = post(ticks()); !done) return done;
    }
    if (is_atomic(plan_.op) && plan_.verify) receiver_.check_counters(*watch_.done);
    return {};
  }

  Expected<void> post(std::uint64_t now) {
    while (queue_.posted - queue_.completed >= plan_.depth)  // the queue is full of unsignalled ones but its oldest
      if (auto done = poll(0); !done) return done;
    return sender_.post(0, 1, now);
  }

  // Some polling for what is to come, then a look at everything else. `mark` 0: any that is new.
  Expected<void> step(std::uint8_t mark) {
    const bool by_memory = plan_.op == Op::kWrite;
    for (int spin = 0; spin < (plan_.events ? 1 : kSpins) && !arrived_; ++spin)
      if (by_memory)
        look_in_memory(mark);
      else if (auto done = poll(mark); !done)
        return done;
    if (arrived_) return {};
    if (by_memory)
      if (auto done = poll(mark); !done) return done;
    const std::uint64_t now = ticks();
    if (auto looked = watch_.look(now, caller_); !looked) return looked;
    if (session_.stop) interrupted_ = true;
    if (spec_.iterations == 0 && spec_.duration_ms > 0 && now >= deadline_) late_ = true;
    if (caller_ && now > last_progress_ && now - last_progress_ > session_.clock.ticks_of(session_.patience))
      return environment_error("no message came back for too long",
                               std::to_string(session_.patience.count() / 1000) + " s",
                               "the peer or the path to it stalls");
    if (!caller_ && interrupted_) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    if (!caller_ && fetches(plan_.op)) watch_.rest();
    // Where both hosts' processes share a processor, spinning keeps the answer away. On a free processor the call would
    // only delay it, so not before the answer is late.
    if (now - last_progress_ > std::max(shortest_yield_, 4 * quickest_)) sched_yield();
    return plan_.events ? sleeper_.nap() : Expected<void>();
  }

  void progress(std::uint64_t now) {
    if (messages_ > 0) quickest_ = std::min(quickest_, now - last_progress_);
    last_progress_ = now;
  }

  void look_in_memory(std::uint8_t mark) {
    const auto* const at = reinterpret_cast<const volatile std::uint8_t*>(written_ + spec_.size - 1);
    const std::uint8_t seen = *at;
    if (mark == 0 ? seen == last_mark_ || seen == 0 : seen != mark) return;
    progress(ticks());
    arrived(seen, written_);
  }

  void arrived(std::uint8_t mark, const std::byte* bytes) {
    last_mark_ = mark;
    arrived_ = true;
    if (!plan_.verify) return;
    ++checked_;
    // The last byte may be seen before those that came with it.
    const std::uint64_t until = ticks() + session_.clock.ticks_of(std::chrono::milliseconds(10));
    const std::uint64_t key = message_key(spec_.size, 0, mark);
    while (!holds({bytes, spec_.size - 1}, key))
      if (ticks() > until) {
        ++corrupt_;
        return;
      }
  }

  Expected<void> poll(std::uint8_t mark) {
    std::array<ibv_wc, 8> completions;
    const int n = ibv_poll_cq(c_.cq.get(), static_cast<int>(completions.size()), completions.data());
    if (n == 0) return {};
    if (n < 0) return environment_error("cannot poll the CQ", c_.port.device);
    for (int i = 0; i < n; ++i) {
      const ibv_wc& completion = completions[static_cast<std::size_t>(i)];
      if (completion.status != IBV_WC_SUCCESS) return tl::unexpected(completion_error(completion, c_));
      if ((completion.wr_id & kReceiveBit) != 0) {
        const std::uint64_t now = ticks();
        const std::byte* const bytes =
            plan_.op == Op::kWriteImm ? written_ : c_.memory.data() + receiver_.place_of(completion);
        const auto seen = static_cast<std::uint8_t>(bytes[spec_.size - 1]);
        if (mark == 0 || seen == mark) {  // else the answer to one that was given up as lost
          progress(now);
          arrived(seen, bytes);
        }
        // Not before it is looked at: the next message may come to the same place.
        if (auto done = receiver_.take(completion); !done) return done;
        continue;
      }
      std::uint64_t stamp = 0;
      sender_.take(completion, stamp);
      if (!fetches(plan_.op)) continue;
      progress(ticks());
      arrived_ = true;
    }
    return {};
  }

  Expected<void> close(RunOutcome& outcome) {
    fill_report(outcome);
    auto report = watch_.trade_reports(outcome.mine);
    if (!report) return tl::unexpected(report.error());
    outcome.peer = *report;
    return {};
  }

  void fill_report(RunOutcome& outcome) const {
    outcome.mine = receiver_.report();
    outcome.mine.sent = messages_;
    outcome.mine.lost = lost_;
    outcome.mine.corrupt += corrupt_ + sender_.corrupt();
    outcome.mine.checked += checked_ + sender_.checked();
    outcome.mine.nanoseconds = session_.clock.nanoseconds(busy_);
    outcome.latency = latency_.summary();
    outcome.interrupted = interrupted_;
  }

  Session& session_;
  const PairPlan& plan_;
  const RunSpec& spec_;
  Connection& c_;
  Receiver& receiver_;
  Watch watch_;
  Sleeper sleeper_;
  LiveRows live_;
  bool caller_;
  Sender sender_;
  SendQueue& queue_;
  Histogram latency_;
  const std::byte* written_ = nullptr;  // where the peer's writes come
  std::uint8_t last_mark_ = 0;
  std::uint64_t messages_ = 0, lost_ = 0, checked_ = 0, corrupt_ = 0;
  std::uint64_t start_ = 0, deadline_ = 0, busy_ = 0, last_progress_ = 0;  // ticks
  std::uint64_t shortest_yield_ = 0, quickest_ = 0;                        // ticks; the quickest answer so far
  bool arrived_ = false, interrupted_ = false, late_ = false;
};

}  // namespace

RunOutcome run_latency(Session& session, Receiver& receiver, const RunSpec& spec, Side side) {
  return LatencyRun(session, receiver, spec, side).run();
}

}  // namespace weft::verbs
