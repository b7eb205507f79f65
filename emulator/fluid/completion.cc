// Event-driven completion: exact on the warm solver, batched on cold solves of what is left.
#include "emulator/fluid/completion.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <queue>
#include <string>

#include "emulator/fluid/maxmin_warm.h"
#include "emulator/fluid/parallel.h"

namespace weft {
namespace {

// Finishes closer than this are one event: rounding, not physics.
constexpr double kTie = 1e-12;
// A batch never reaches further than this share of the time so far, however little it leaves unused.
constexpr double kLongestBatch = 0.08;

tl::unexpected<Error> interrupted() {
  return tl::unexpected<Error>(Error{ErrorCode::kInterrupted, "cancelled while flows were finishing", {}, {}, {}});
}

Expected<void> validate_run(const MaxMinProblem& p, std::span<const double> sizes, const CompletionOptions& options) {
  if (auto verdict = validate(p); !verdict) return verdict;
  if (sizes.size() != 1 && sizes.size() != p.variable_count()) {
    return input_error("sizes are not one per variable", std::to_string(sizes.size()),
                       "give " + std::to_string(p.variable_count()) + " sizes, or one for all");
  }
  for (std::size_t v = 0; v < sizes.size(); ++v) {
    if (!(sizes[v] >= 0.0) || !std::isfinite(sizes[v])) {
      return input_error("sizes[" + std::to_string(v) + "] is not a finite number >= 0", std::to_string(sizes[v]),
                         "give what the variable has to send");
    }
  }
  if (!(options.batch_epsilon >= 0.0) || !(options.batch_epsilon <= 1.0)) {
    return input_error("batch_epsilon is not between 0 and 1", std::to_string(options.batch_epsilon), "0 is exact");
  }
  return {};
}

// Reports at most ten times a second.
class Ticker {
 public:
  Ticker(const CompletionOptions& options, std::size_t total) : options_(options), total_(total) {}
  void report(std::size_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!options_.progress || (done != total_ && now - last_ < std::chrono::milliseconds(100))) return;
    last_ = now;
    options_.progress(static_cast<double>(done), static_cast<double>(total_));
  }

 private:
  const CompletionOptions& options_;
  std::size_t total_;
  std::chrono::steady_clock::time_point last_{};
};

bool is_cancelled(const CompletionOptions& options) {
  return options.cancelled != nullptr && options.cancelled->load(std::memory_order_relaxed);
}

// Each variable's remaining size is brought forward only when its rate changes, so an event costs what it changes.
class ExactCompletion {
 public:
  ExactCompletion(const MaxMinProblem& p, std::span<const double> sizes)
      : incidence_(transpose(p)), warm_(p, incidence_), state_(p.variable_count()), finish_(p.variable_count(), -1.0) {
    for (std::uint32_t v = 0; v < state_.size(); ++v) {
      state_[v].remaining = sizes.size() == 1 ? sizes[0] : sizes[v];
      if (state_[v].remaining == 0.0) end(v, 0.0);
    }
    if (ended_ > 0) warm_.resolve();
    for (std::uint32_t v = 0; v < state_.size(); ++v) schedule(v);
  }

  Expected<Completion> run(const CompletionOptions& options) {
    Completion result;
    Ticker ticker(options, state_.size());
    while (true) {
      if (is_cancelled(options)) return interrupted();
      ++result.solves;
      if (!step()) break;
      ticker.report(ended_);
    }
    for (double& finish : finish_) {
      if (finish < 0.0) {
        finish = kUnbounded;
      } else {
        result.makespan = std::max(result.makespan, finish);
      }
    }
    result.finish = std::move(finish_);
    return result;
  }

 private:
  struct State {
    double remaining = 0.0;  // at time `since`
    double since = 0.0;
    double rate = 0.0;
  };
  struct Due {
    double time;
    std::uint32_t variable;
    bool operator>(const Due& o) const { return time > o.time || (time == o.time && variable > o.variable); }
  };

  void end(std::uint32_t v, double time) {
    finish_[v] = time;
    ++ended_;
    warm_.remove(v);
  }

  // Brings `v` forward to now and predicts its finish at its new rate.
  void schedule(std::uint32_t v) {
    if (finish_[v] >= 0.0) return;
    State& s = state_[v];
    s.remaining = std::max(0.0, s.remaining - s.rate * (now_ - s.since));
    s.since = now_;
    s.rate = warm_.rates()[v];
    if (s.rate > 0.0) due_.push({due_time(s), v});
  }
  [[nodiscard]] static double due_time(const State& s) { return s.since + s.remaining / s.rate; }

  // Ends everything that is due next and shares out what it frees. False when nothing can finish any more.
  bool step() {
    bool any = false;
    while (!due_.empty() && (!any || due_.top().time <= now_ * (1.0 + kTie))) {
      const Due due = due_.top();
      due_.pop();
      const State& s = state_[due.variable];
      if (finish_[due.variable] >= 0.0 || s.rate <= 0.0 || due_time(s) != due.time) continue;  // superseded
      if (!any) now_ = std::max(now_, due.time);
      any = true;
      end(due.variable, now_);
    }
    if (!any) return false;
    warm_.resolve();
    for (const std::uint32_t v : warm_.changed()) schedule(v);
    return true;
  }

  Incidence incidence_;
  WarmMaxMin warm_;
  std::vector<State> state_;
  std::vector<double> finish_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t ended_ = 0;
  double now_ = 0.0;
};

// Cold solves of what is left; the transposed problem shrinks in place as variables finish.
class BatchedCompletion {
 public:
  BatchedCompletion(const MaxMinProblem& p, std::span<const double> sizes, const CompletionOptions& options)
      : problem_(p),
        options_(options),
        threads_(resolve_threads(options.threads)),
        incidence_(transpose(p, threads_)),
        rates_(p.variable_count()),
        finished_(p.variable_count(), 0) {
    result_.finish.assign(p.variable_count(), kUnbounded);
    if (sizes.size() == 1) {
      remaining_.assign(p.variable_count(), sizes[0]);
    } else {
      remaining_.assign(sizes.begin(), sizes.end());
    }
  }

  Expected<Completion> run() {
    Ticker ticker(options_, rates_.size());
    std::size_t ended = advance(0.0);  // those with nothing to send
    while (ended < rates_.size()) {
      if (is_cancelled(options_)) return interrupted();
      drop_finished();
      solver_.solve(problem_, incidence_, rates_, finished_);
      ++result_.solves;
      const double first = next_finish();
      if (first == kUnbounded) break;
      const std::size_t batch = advance(horizon_after(first));
      WEFT_CHECK(batch > 0);
      ended += batch;
      ticker.report(ended);
    }
    return std::move(result_);
  }

 private:
  // Time until the next finish at the present rates.
  double next_finish() const {
    std::vector<double> least(threads_, kUnbounded);
    parallel_for(threads_, rates_.size(), [&](std::size_t part, std::size_t begin, std::size_t end) {
      double soonest = kUnbounded;
      for (std::size_t v = begin; v < end; ++v) {
        if (finished_[v] == 0 && rates_[v] > 0.0) soonest = std::min(soonest, remaining_[v] / rates_[v]);
      }
      least[part] = soonest;
    });
    return *std::min_element(least.begin(), least.end());
  }

  // How far a batch may reach: the epsilon of time, or longer as long as what finished variables leave unused stays
  // below epsilon of what all send meanwhile. The tails of a distribution then do not cost a solve for each finish.
  double horizon_after(double first) const {
    const double least = first + (now_ + first) * options_.batch_epsilon;
    const double most = first + (now_ + first) * std::max(kLongestBatch, options_.batch_epsilon);
    const double width = (most - first) / kBins;
    if (!(width > 0.0)) return least;
    std::vector<Histogram> blocks(kBlocks);  // a fixed number, so that sums do not depend on the thread count
    parallel_for(threads_, kBlocks, [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t b = begin; b < end; ++b) fill(blocks[b], b, first, width);
    });
    double total = 0.0;
    for (const Histogram& block : blocks) total += block.total;
    double rate = 0.0;  // of those finished by then, and that times the time at which they finish
    double rate_time = 0.0;
    double horizon = least;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      for (const Histogram& block : blocks) {
        rate += block.rate[bin];
        rate_time += block.rate_time[bin];
      }
      const double edge = first + width * static_cast<double>(bin + 1);
      if (rate * edge - rate_time > options_.batch_epsilon * total * edge) break;
      horizon = std::max(horizon, edge);
    }
    return horizon;
  }

  struct Histogram {
    std::array<double, 256> rate{};
    std::array<double, 256> rate_time{};
    double total = 0.0;
  };
  static constexpr std::size_t kBins = 256;
  static constexpr std::size_t kBlocks = 64;

  void fill(Histogram& block, std::size_t index, double first, double width) const {
    const std::size_t count = rates_.size();
    for (std::size_t v = count * index / kBlocks; v < count * (index + 1) / kBlocks; ++v) {
      if (finished_[v] != 0 || !(rates_[v] > 0.0) || rates_[v] == kUnbounded) continue;
      block.total += rates_[v];
      const double time = remaining_[v] / rates_[v];
      const double bin = (time - first) / width;
      if (!(bin < static_cast<double>(kBins))) continue;
      block.rate[static_cast<std::size_t>(std::max(0.0, bin))] += rates_[v];
      block.rate_time[static_cast<std::size_t>(std::max(0.0, bin))] += rates_[v] * time;
    }
  }

  // Lets time pass up to the last finish within `horizon` from now. Returns how many finish.
  std::size_t advance(double horizon) {
    std::vector<std::size_t> ended(threads_, 0);
    std::vector<double> last(threads_, 0.0);
    const auto left = [this](std::size_t v) {
      return remaining_[v] == 0.0 ? 0.0 : rates_[v] > 0.0 ? remaining_[v] / rates_[v] : kUnbounded;
    };
    parallel_for(threads_, rates_.size(), [&](std::size_t part, std::size_t begin, std::size_t end) {
      for (std::size_t v = begin; v < end; ++v) {
        if (finished_[v] == 0 && left(v) <= horizon) last[part] = std::max(last[part], left(v));
      }
    });
    const double step = *std::max_element(last.begin(), last.end());
    parallel_for(threads_, rates_.size(), [&](std::size_t part, std::size_t begin, std::size_t end) {
      for (std::size_t v = begin; v < end; ++v) {
        if (finished_[v] != 0) continue;
        if (const double time = left(v); time <= horizon) {
          result_.finish[v] = now_ + time;
          finished_[v] = 1;
          ++ended[part];
        } else if (rates_[v] > 0.0) {
          remaining_[v] = std::max(0.0, remaining_[v] - rates_[v] * step);
        }
      }
    });
    now_ += step;
    result_.makespan = std::max(result_.makespan, now_);
    std::size_t total = 0;
    for (const std::size_t count : ended) total += count;
    return total;
  }

  void drop_finished() {
    std::uint32_t kept = 0;
    std::uint32_t begin = 0;
    for (std::size_t r = 0; r < problem_.resource_count(); ++r) {
      const std::uint32_t end = incidence_.offsets[r + 1];
      for (std::uint32_t e = begin; e < end; ++e) {
        const std::uint32_t v = incidence_.variables[e];
        incidence_.variables[kept] = v;
        if (!incidence_.weights.empty()) incidence_.weights[kept] = incidence_.weights[e];
        kept += finished_[v] == 0 ? 1 : 0;
      }
      begin = end;
      incidence_.offsets[r + 1] = kept;
    }
    incidence_.variables.resize(kept);
    if (!incidence_.weights.empty()) incidence_.weights.resize(kept);
  }

  const MaxMinProblem& problem_;
  const CompletionOptions& options_;
  unsigned threads_;
  Incidence incidence_;
  std::vector<double> rates_;
  std::vector<double> remaining_;
  std::vector<std::uint8_t> finished_;
  MaxMinSolver solver_;
  Completion result_;
  double now_ = 0.0;
};

bool all_equal(std::span<const double> sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [&sizes](double size) { return size == sizes.front(); });
}

// Rates do not change until the end (see the header), so the first solve says it all.
Expected<Completion> complete_equal(const MaxMinProblem& p, double size, const CompletionOptions& options) {
  if (is_cancelled(options)) return interrupted();
  Completion result;
  result.finish.resize(p.variable_count());
  MaxMinSolver().solve(p, transpose(p, options.threads), result.finish);
  result.solves = 1;
  for (double& finish : result.finish) {
    const double rate = finish;
    finish = size == 0.0 ? 0.0 : rate > 0.0 ? size / rate : kUnbounded;
    if (finish < kUnbounded) result.makespan = std::max(result.makespan, finish);
  }
  if (is_cancelled(options)) return interrupted();
  Ticker(options, result.finish.size()).report(result.finish.size());
  return result;
}

}  // namespace

Expected<Completion> complete(const MaxMinProblem& problem, std::span<const double> sizes,
                              const CompletionOptions& options) {
  if (auto verdict = validate_run(problem, sizes, options); !verdict) return tl::unexpected(verdict.error());
  if (!sizes.empty() && all_equal(sizes) && !options.always_step) return complete_equal(problem, sizes[0], options);
  if (options.batch_epsilon > 0.0) return BatchedCompletion(problem, sizes, options).run();
  return ExactCompletion(problem, sizes).run(options);
}

}  // namespace weft
