#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "verbs/live.h"
#include "verbs/receiver.h"
#include "verbs/sender.h"
#include "verbs/watch.h"

namespace weft::verbs {
namespace {

constexpr int kSpins = 64;                            // polls between two looks at anything else
constexpr int kBurst = 32;                            // completions a poll
constexpr std::chrono::milliseconds kPeakWindow{10};  // of the peak, at least
// Chosen, as far above a round trip as a test can wait for: after so long lost messages come no more.
constexpr std::chrono::milliseconds kQuiet{200};
// iWARP: from a write's completion until all of it is there; ten of TCP's shortest retransmission timeouts (Linux
// TCP_RTO_MIN, 200 ms).
constexpr std::chrono::seconds kLateWrite{2};
// Chosen, above a nap of 5 ms: what a longer step takes is time in which this process or its machine slept.
constexpr std::chrono::milliseconds kLongestStep{10};

class BandwidthRun {
 public:
  BandwidthRun(Session& session, Receiver& receiver, const RunSpec& spec)
      : session_(session),
        plan_(session.plan),
        spec_(spec),
        c_(session.connection),
        receiver_(receiver),
        watch_(session),
        sleeper_(session),
        live_(session, spec),
        moderation_(plan_.verify && fetches(plan_.op) ? 1 : moderation(plan_, spec.size)),
        sender_(c_, plan_, spec.size, moderation_, plan_.post_list),
        depth_(plan_.verify ? std::min<std::uint64_t>(plan_.depth, receiver.window()) : plan_.depth),
        in_rounds_(plan_.verify && !fetches(plan_.op)),
        passive_(!spec.sends && !takes_receives(plan_.op)),
        peak_window_(session.clock.ticks_of(kPeakWindow)),
        // What a reliable transport has completed comes in the end, be it after a retransmission.
        quiet_(session.clock.ticks_of(is_reliable(plan_.transport) ? session.patience : Milliseconds(kQuiet))),
        late_write_(session.clock.ticks_of(kLateWrite)),
        longest_step_(session.clock.ticks_of(kLongestStep)) {}

  RunOutcome run() {
    Expected<void> ended = start();
    while (ended && !over()) ended = step();
    RunOutcome outcome;
    if (ended) ended = close(outcome);
    fill_report(outcome);
    if (!ended) outcome.error = ended.error();
    return outcome;
  }

 private:
  [[nodiscard]] bool all_completed() const { return completed_ == posted_; }
  [[nodiscard]] bool sending_over() const { return !spec_.sends || (no_more_ && all_completed()); }
  [[nodiscard]] bool over() const { return said_done_ && watch_.done && received_all_; }

  Expected<void> start() {
    start_ = last_progress_ = last_step_ = ticks();
    deadline_ = start_ + session_.clock.ticks_of(std::chrono::milliseconds(spec_.duration_ms));
    if (plan_.rate_limit > 0) {
      const double seconds =
          static_cast<double>(spec_.size) * 8 * plan_.post_list / static_cast<double>(plan_.rate_limit);
      pace_ = session_.clock.ticks_of(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
      next_post_ = start_;
    }
    if (!spec_.sends) return {};
    return next_round();
  }

  // Lets each QP send the next messages: all of them, or so many that the peer can check each.
  Expected<void> next_round() {
    const std::uint64_t all = spec_.iterations > 0 ? spec_.iterations : ~std::uint64_t{0};
    round_ = {round_.to, in_rounds_ ? std::min(all, round_.to + depth_) : all};
    for (SendQueue& queue : sender_.queues()) queue.limit = round_.to;
    round_start_ = window_start_ = last_progress_ = ticks();
    window_messages_ = 0;
    active_ = true;
    if (pace_ > 0) return {};
    for (std::uint64_t q = 0; q < plan_.qps; ++q)
      if (auto done = refill(q, round_start_); !done) return done;
    return {};
  }

  // Messages that the QP may post now. After a stop it goes on to its next signalled one, so that all are completed.
  [[nodiscard]] std::uint64_t room(SendQueue& queue) const {
    if (stopping_ && !in_rounds_)
      queue.limit = std::min(queue.limit, (queue.posted + moderation_ - 1) / moderation_ * moderation_);
    return std::min(depth_ - (queue.posted - queue.completed), queue.limit - queue.posted);
  }

  Expected<void> refill(std::uint64_t q, std::uint64_t now) {
    SendQueue& queue = sender_.queues()[q];
    for (std::uint64_t left = room(queue); left > 0;) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, plan_.post_list));
      // A doorbell rings for a whole list, or for what is left, or where no completion would come to ring it later.
      const bool awaited = queue.posted / moderation_ * moderation_ > queue.completed;
      if (count < plan_.post_list && queue.posted + count != queue.limit && awaited) break;
      if (auto done = sender_.post(q, count, now); !done) return done;
      posted_ += count;
      left -= count;
    }
    return {};
  }

  Expected<void> refill_paced(std::uint64_t now) {
    while (now >= next_post_) {
      std::uint64_t tried = 0;
      for (; tried < plan_.qps; ++tried) {
        turn_ = turn_ + 1 == plan_.qps ? 0 : turn_ + 1;
        SendQueue& queue = sender_.queues()[turn_];
        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(room(queue), plan_.post_list));
        if (count == 0) continue;
        if (auto done = sender_.post(turn_, count, now); !done) return done;
        posted_ += count;
        break;
      }
      if (tried == plan_.qps) {
        next_post_ = std::max(next_post_, now);  // what the QPs could not take is not made up for
        return {};
      }
      next_post_ += pace_;
    }
    return {};
  }

  Expected<void> step() {
    std::array<ibv_wc, kBurst> completions;
    int n = ibv_poll_cq(c_.cq.get(), kBurst, completions.data());
    // Where nothing came, only polling is quick enough: the clock and the rest wait for a while.
    if (!plan_.events && !passive_ && pace_ == 0)
      for (int spin = 0; n == 0 && spin < kSpins; ++spin) n = ibv_poll_cq(c_.cq.get(), kBurst, completions.data());
    if (n < 0) return environment_error("cannot poll the CQ", c_.port.device);
    const std::uint64_t now = ticks();
    // Quiet is time in which the CQ was looked at, again and again: not that in which this process or its machine
    // slept.
    idle_ = n > 0 ? 0 : idle_ + std::min(now - last_step_, longest_step_);
    last_step_ = now;
    for (int i = 0; i < n; ++i)
      if (auto done = take(completions[static_cast<std::size_t>(i)], now); !done) return done;
    if (n > 0) last_progress_ = now;
    if (pace_ > 0 && active_)
      if (auto done = refill_paced(now); !done) return done;
    if (active_ && all_completed() && round_is_out())
      if (auto done = end_round(now); !done) return done;
    if (n > 0 && now - last_upkeep_ < longest_step_ / 50) return {};
    last_upkeep_ = now;
    if (auto done = upkeep(now); !done) return done;
    if (passive_) watch_.rest();
    return n == 0 && plan_.events ? sleeper_.nap() : Expected<void>();
  }

  [[nodiscard]] bool round_is_out() {
    return std::ranges::all_of(sender_.queues(), [this](SendQueue& queue) { return room(queue) == 0; });
  }

  Expected<void> take(const ibv_wc& completion, std::uint64_t now) {
    if (completion.status != IBV_WC_SUCCESS) return tl::unexpected(completion_error(completion, c_));
    if ((completion.wr_id & kReceiveBit) != 0) {
      return receiver_.take(completion);
    }
    std::uint64_t stamp = 0;
    const std::uint64_t messages = sender_.take(completion, stamp);
    completed_ += messages;
    const std::uint64_t taken = session_.clock.nanoseconds(now - stamp);
    latency_.record(taken);
    live_.record(taken, messages);
    window_messages_ += messages;
    // Completions come in bursts of up to a queue: a window of few would take a burst for speed.
    if (now - window_start_ >= peak_window_ && window_messages_ >= 4 * depth_ * plan_.qps) {
      const double bits = static_cast<double>(window_messages_ * spec_.size) * 8;
      peak_ = std::max(peak_, bits / static_cast<double>(session_.clock.nanoseconds(now - window_start_)));
      window_start_ = now;
      window_messages_ = 0;
    }
    if (pace_ > 0) return {};
    return refill(Sender::queue_of(completion), now);
  }

  // All of a round is completed: the clock stands until the peer has checked it.
  Expected<void> end_round(std::uint64_t now) {
    active_ = false;
    busy_ += now - round_start_;
    no_more_ = stopping_ || round_.to == spec_.iterations;
    if (!in_rounds_) return {};
    std::uint64_t to = round_.from;
    for (SendQueue& queue : sender_.queues()) to = std::max(to, queue.posted);
    round_.to = to;
    return watch_.say(ControlKind::kRound, {{"from", round_.from}, {"to", to}});
  }

  Expected<void> upkeep(std::uint64_t now) {
    if (auto looked = watch_.look(now, active_); !looked) return looked;
    live_.look(now);
    if (session_.stop && !stopping_) interrupted_ = stopping_ = true;
    if (spec_.iterations == 0 && spec_.duration_ms > 0 && now >= deadline_) stopping_ = true;
    if (watch_.asked)
      if (auto done = answer_check(); !done) return done;
    const bool checked = !in_rounds_ || watch_.checked_to >= round_.to;
    if (spec_.sends && !active_ && !no_more_ && checked) {
      if (stopping_)
        no_more_ = true;
      else if (auto done = next_round(); !done)
        return done;
    }
    if (sending_over() && (checked || !spec_.sends) && !said_done_) {
      nlohmann::ordered_json sent = nlohmann::ordered_json::array();
      for (const SendQueue& queue : sender_.queues()) sent.push_back(spec_.sends ? queue.completed : 0);
      if (auto said = watch_.say(ControlKind::kDone, {{"sent", std::move(sent)}}); !said) return said;
      said_done_ = true;
    }
    if (watch_.done) look_for_the_rest();
    if (posted_ > completed_ && now > last_progress_ &&
        now - last_progress_ > session_.clock.ticks_of(session_.patience))
      return environment_error("no message was completed for too long",
                               std::to_string(session_.patience.count() / 1000) + " s",
                               "the peer or the path to it stalls: link down, paused by PFC, or dropping");
    return {};
  }

  // The peer wants its messages of a round checked: when they are here, or no more come.
  Expected<void> answer_check() {
    const Round round = *watch_.asked;
    if (!std::exchange(checking_, true)) idle_ = 0;
    const bool quiet = idle_ > quiet_;
    SideReport& report = receiver_.report();
    const std::uint64_t expected = round.to * plan_.qps;
    if (takes_receives(plan_.op)) {
      if (report.received + report.lost < expected && !quiet) return {};
      if (is_reliable(plan_.transport) && report.received < expected)
        return environment_error("messages that the peer saw completed did not arrive");
      receiver_.count_lost(expected);
    } else if (c_.port.iwarp || !is_reliable(plan_.transport)) {
      // iWARP's writes complete when TCP has taken them, which says nothing of the peer's memory (RFC 5040, 5.5).
      const bool over = c_.port.iwarp ? idle_ > late_write_ : quiet;
      if (!over && !receiver_.has_all_written(round.from, round.to)) return {};
    }
    if (plan_.op != Op::kSend) receiver_.check_written(round.from, round.to);
    if (takes_receives(plan_.op)) receiver_.skip_to(round.to);
    watch_.asked.reset();
    checking_ = false;
    return watch_.say(ControlKind::kChecked, {{"to", round.to}});
  }

  void look_for_the_rest() {
    if (received_all_) return;
    std::uint64_t sent = 0;
    for (const std::uint64_t n : *watch_.done) sent += n;
    if (takes_receives(plan_.op)) {
      if (!std::exchange(peer_is_done_, true)) idle_ = 0;
      const bool quiet = idle_ > quiet_;
      if (receiver_.report().received < sent && !(quiet && !is_reliable(plan_.transport))) return;
      receiver_.count_lost(sent);
    }
    if (is_atomic(plan_.op) && plan_.verify) receiver_.check_counters(*watch_.done);
    received_all_ = true;
  }

  // Each side's figures to the other.
  Expected<void> close(RunOutcome& outcome) {
    fill_report(outcome);
    auto report = watch_.trade_reports(outcome.mine);
    if (!report) return tl::unexpected(report.error());
    outcome.peer = *report;
    return {};
  }

  void fill_report(RunOutcome& outcome) {
    if (active_) busy_ += last_progress_ > round_start_ ? last_progress_ - round_start_ : 0;
    active_ = false;
    outcome.mine = receiver_.report();
    outcome.mine.sent = completed_;
    outcome.mine.corrupt += sender_.corrupt();
    outcome.mine.checked += sender_.checked();
    outcome.mine.nanoseconds = session_.clock.nanoseconds(busy_);
    outcome.mine.peak_gbits = peak_;
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
  std::uint32_t moderation_;
  Sender sender_;
  std::uint64_t depth_;
  bool in_rounds_, passive_;                                       // passive: has no completions to wait for
  std::uint64_t peak_window_, quiet_, late_write_, longest_step_;  // ticks, as all below that are times
  Histogram latency_;
  Round round_;
  std::uint64_t posted_ = 0, completed_ = 0, turn_ = 0;
  std::uint64_t start_ = 0, deadline_ = 0, round_start_ = 0, busy_ = 0, pace_ = 0, next_post_ = 0;
  std::uint64_t last_progress_ = 0, last_step_ = 0, last_upkeep_ = 0, idle_ = 0;
  std::uint64_t window_start_ = 0, window_messages_ = 0;
  double peak_ = 0;
  bool active_ = false, stopping_ = false, no_more_ = false, interrupted_ = false;
  bool said_done_ = false, received_all_ = false, checking_ = false, peer_is_done_ = false;
};

}  // namespace

RunOutcome run_bandwidth(Session& session, Receiver& receiver, const RunSpec& spec) {
  return BandwidthRun(session, receiver, spec).run();
}

}  // namespace weft::verbs
