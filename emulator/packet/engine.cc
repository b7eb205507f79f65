#include "emulator/packet/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <set>
#include <thread>

#include "emulator/packet/operation.h"
#include "emulator/packet/workers.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

using packet::Progressed;
using Clock = std::chrono::steady_clock;

constexpr auto kReportEvery = std::chrono::milliseconds(100);

constexpr const char* kWireAlone =
    "packet by packet on the wire alone: latencies and efficiencies of GPUs and software (--constants calibrated) are "
    "not in it";

// Kinds of messages that a worker sends.
constexpr char kProgress = 'P', kResult = 'R', kError = 'E';

std::string to_text(const Error& error) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(error.code)));
  for (const std::string& part : {error.message, error.item, error.way_out}) text += part + '\0';
  return text;
}

Error error_from(const std::string& text) {
  std::array<std::string, 3> parts;
  std::size_t at = 1;
  for (std::string& part : parts) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    part = text.substr(std::min(at, text.size()), end - at);
    at = end + 1;
  }
  const auto code = static_cast<ErrorCode>(text.empty() ? 0 : text[0] - '0');
  return {code, parts[0], parts[1], parts[2], {}};
}

// What the sizes of one request have come to. A size that was stopped has a result without an operation.
class Results {
 public:
  Results(const std::vector<Bytes>& sizes, const RunOptions& options)
      : sizes_(sizes), options_(options), results_(sizes.size()), progressed_(sizes.size()) {}

  void take(std::size_t job, Measurement result) {
    results_[job] = std::move(result);
    if (options_.so_far && results_[job]->operations.size() == 1 && done() < sizes_.size()) options_.so_far(merged());
  }
  [[nodiscard]] bool has(std::size_t job) const { return results_[job].has_value(); }
  [[nodiscard]] bool any() const {
    return std::any_of(results_.begin(), results_.end(), [](const auto& r) { return r.has_value(); });
  }
  [[nodiscard]] std::size_t done() const {
    return static_cast<std::size_t>(
        std::count_if(results_.begin(), results_.end(), [](const auto& r) { return r && r->operations.size() == 1; }));
  }

  // The job was ended from outside: what it was last heard to say is all there is.
  void take_stopped(std::size_t job) { stopped_notes_.push_back(packet::stopped_note(sizes_[job], progressed_[job])); }

  // At most ten times a second. The sizes count by their bytes.
  void report(std::size_t job, const Progressed& now) {
    progressed_[job] = now;
    if (!options_.progress || Clock::now() - last_report_ < kReportEvery) return;
    last_report_ = Clock::now();
    double done_bytes = 0, total = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const auto weight = static_cast<double>(sizes_[i].count) + 1;
      const Progressed& p = progressed_[i];
      total += weight;
      done_bytes += has(i) ? weight : p.total > 0 ? weight * p.done / p.total : 0.0;
    }
    const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
    std::string text = fmt::format("packet, {} B at {:.1f} us", sizes_[job].count, static_cast<double>(now.now) * 1e-6);
    if (done_bytes > 0) text += fmt::format(", {:.0f} s left", elapsed * (total - done_bytes) / done_bytes);
    options_.progress(text, done_bytes, total);
  }

  // All that is there, in the order of the sizes. What is told of one size only is that of the largest done.
  [[nodiscard]] Measurement merged() const {
    Measurement m;
    const Measurement* largest = nullptr;
    std::set<std::string> seen;
    std::vector<std::string> notes{kWireAlone};
    for (const auto& result : results_) {
      if (!result) continue;
      if (largest == nullptr || largest->operations.empty()) largest = &*result;
      if (!result->operations.empty() && result->operations[0].size >= largest->operations[0].size) largest = &*result;
      m.operations.insert(m.operations.end(), result->operations.begin(), result->operations.end());
      for (const std::string& note : result->notes) {
        if (seen.insert(note).second) notes.push_back(note);
      }
    }
    if (largest == nullptr) return m;
    std::vector<Operation> operations = std::move(m.operations);
    m = *largest;
    m.operations = std::move(operations);
    notes.insert(notes.end(), stopped_notes_.begin(), stopped_notes_.end());
    m.notes = std::move(notes);
    m.provenance.seed = options_.seed;
    return m;
  }

 private:
  const std::vector<Bytes>& sizes_;
  const RunOptions& options_;
  std::vector<std::optional<Measurement>> results_;
  std::vector<Progressed> progressed_;
  std::vector<std::string> stopped_notes_;
  Clock::time_point started_ = Clock::now(), last_report_ = started_;
};

Expected<Measurement> run_size(const Topology& topology, const ScheduleFactory& factory, Bytes size,
                               const PacketOptions& packet, const RunOptions& options, const packet::Pulse& pulse) {
  const auto schedule = factory(size, "");
  if (!schedule) return tl::unexpected(schedule.error());
  return packet::run_operation(topology, *schedule, packet, options.seed, options.explain, pulse);
}

bool is_cancelled(const RunOptions& options) { return options.cancelled != nullptr && *options.cancelled; }

// What a worker does: the same as this process would.
void work(const Topology& topology, const ScheduleFactory& factory, Bytes size, const PacketOptions& packet,
          const RunOptions& options, const packet::ParentLine& parent) {
  Clock::time_point last = Clock::now();
  const auto pulse = [&](const Progressed& now) {
    if (Clock::now() - last >= kReportEvery) {
      last = Clock::now();
      std::string text(sizeof now, '\0');
      std::memcpy(text.data(), &now, sizeof now);
      parent.send(kProgress, text);
    }
    return !is_cancelled(options) && !parent.told_to_stop();
  };
  const auto result = run_size(topology, factory, size, packet, options, pulse);
  if (result)
    parent.send(kResult, to_json(*result));
  else
    parent.send(kError, to_text(result.error()));
}

Error worker_died(Bytes size, const std::string& how) {
  return {ErrorCode::kEnvironment,
          "a worker process of the packet engine ended without a result",
          fmt::format("size {}{}", size.count, how.empty() ? "" : ", " + how),
          "if memory ran out: fewer --threads, fewer ranks, or --backend fluid",
          {}};
}

// Every size in a process of its own. The error of the first size that has one.
std::optional<Error> run_in_workers(const Topology& topology, const ScheduleFactory& factory,
                                    const std::vector<Bytes>& sizes, const PacketOptions& packet,
                                    const RunOptions& options, Results& results) {
  std::vector<std::optional<Error>> errors(sizes.size());
  const auto failed = [&] {
    return std::any_of(errors.begin(), errors.end(), [](const auto& e) { return e.has_value(); });
  };
  bool stopped = false;
  packet::WorkerJobs jobs;
  jobs.count = sizes.size();
  jobs.at_once = options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  jobs.work = [&](std::size_t job, const packet::ParentLine& parent) {
    work(topology, factory, sizes[job], packet, options, parent);
  };
  jobs.received = [&](std::size_t job, char kind, const std::string& text) {
    if (kind == kProgress && text.size() == sizeof(Progressed)) {
      Progressed now;
      std::memcpy(&now, text.data(), sizeof now);
      results.report(job, now);
    } else if (kind == kError) {
      errors[job] = error_from(text);
    } else if (kind == kResult) {
      auto result = measurement_from_json(text);
      if (result)
        results.take(job, std::move(*result));
      else
        errors[job] = result.error();
    }
  };
  jobs.ended = [&](std::size_t job, const std::string& how) {
    if (results.has(job) || errors[job]) return;
    if (stopped)
      results.take_stopped(job);
    else
      errors[job] = worker_died(sizes[job], how);
  };
  jobs.stop = [&] { return stopped = stopped || is_cancelled(options) || failed(); };
  if (auto ran = packet::run_workers(jobs); !ran) return ran.error();
  for (auto& error : errors) {
    if (error) return error;
  }
  return std::nullopt;
}

}  // namespace

Expected<Measurement> PacketBackend::run(const Topology& topology, const ScheduleFactory& schedule,
                                         const std::vector<Bytes>& sizes, const RunOptions& options) {
  Results results(sizes, options);
  if (sizes.size() == 1) {
    const auto pulse = [&](const Progressed& now) {
      results.report(0, now);
      return !is_cancelled(options);
    };
    auto result = run_size(topology, schedule, sizes[0], options_, options, pulse);
    if (!result) return result;
    results.take(0, std::move(*result));
  } else if (const auto error = run_in_workers(topology, schedule, sizes, options_, options, results)) {
    return tl::unexpected(*error);
  }
  if (!results.any()) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
  return results.merged();
}

}  // namespace weft
