// weft dpdk pfc: pauses one priority of the neighbour and looks whether it stops and resumes.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/dpdk_commands.h"
#include "dpdk/checks/pause_length.h"
#include "dpdk/port.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"

namespace weft {
namespace {

struct PauseWords {
  std::string port, phase = "1s", grace = "10ms", link, json;
  std::uint32_t priority = 3, quanta = 0xFFFF, largest_frame = 1514, single = 0;
};

Expected<dpdk::PauseCheckOptions> pause_options(const PauseWords& words, const dpdk::PortFacts& facts) {
  dpdk::PauseCheckOptions options;
  options.priority = static_cast<std::uint8_t>(words.priority);
  options.quanta = static_cast<std::uint16_t>(words.quanta);
  options.source = facts.mac;
  options.link = facts.link_rate.bits_per_second > 0 ? facts.link_rate : options.link;
  if (!words.link.empty()) {
    const auto rate = parse_rate(words.link);
    if (!rate) return input_error("--link-rate: no rate", words.link, "as 100Gbps");
    options.link = *rate;
  }
  const auto phase = parse_duration(words.phase), grace = parse_duration(words.grace);
  if (!phase || phase->picoseconds <= 0) return input_error("--phase: no time", words.phase, "as 1s");
  if (!grace) return input_error("--grace: no time", words.grace, "as 10ms");
  options.phase = *phase;
  options.grace = *grace;
  return options;
}

Measurement measurement_for(const PauseWords& words) {
  Measurement m;
  m.provenance.backend = "dpdk";
  m.provenance.version = kVersion;
  m.provenance.options = {{"check", words.single > 0 ? "pfc single" : "pfc"},
                          {"priority", std::to_string(words.priority)}};
  return m;
}

Measurement measurement_of(const PauseWords& words, const dpdk::PauseCheckResult& result) {
  Measurement m = measurement_for(words);
  m.counters["pauses_sent"] = static_cast<double>(result.pauses_sent);
  m.counters["pauses_sent_too_late"] = static_cast<double>(result.lapses);
  m.counters["pauses_apart_max_us"] = result.longest_gap.microseconds();
  for (unsigned p = 0; p < 8; ++p) {
    if (result.before[p] + result.paused[p] + result.after[p] == 0) continue;
    m.counters[fmt::format("priority{}_frames_before", p)] = static_cast<double>(result.before[p]);
    m.counters[fmt::format("priority{}_frames_paused", p)] = static_cast<double>(result.paused[p]);
    m.counters[fmt::format("priority{}_frames_after", p)] = static_cast<double>(result.after[p]);
  }
  m.notes = result.failures;
  if (!result.invalid.empty()) m.notes.push_back(result.invalid);
  return m;
}

Measurement measurement_of(const PauseWords& words, const dpdk::PauseLengthResult& result) {
  Measurement m = measurement_for(words);
  m.counters["pause_us"] = result.asked.microseconds();
  m.counters["tolerance_us"] = result.tolerance.microseconds();
  m.counters["spacing_max_us"] = result.spacing.microseconds();
  m.counters["pauses_without_resume"] = static_cast<double>(result.unresumed);
  if (!result.silences.empty()) {
    m.counters["silence_min_us"] = result.silences.front().microseconds();
    m.counters["silence_median_us"] = result.median().microseconds();
    m.counters["silence_max_us"] = result.silences.back().microseconds();
  }
  m.notes = result.failures;
  if (!result.invalid.empty()) m.notes.push_back(result.invalid);
  return m;
}

std::string pause_text(const PauseWords& words, const dpdk::PauseLengthResult& result) {
  std::string text = fmt::format("priority {}: {} frames before, at most {:.1f} us apart\n", words.priority,
                                 result.before, result.spacing.microseconds());
  text += fmt::format("{} quanta at the link's rate are {:.1f} us\n", words.quanta, result.asked.microseconds());
  if (!result.silences.empty())
    text += fmt::format("silent for {:.1f} us (median of {}; {:.1f} to {:.1f}), tolerance {:.1f} us\n",
                        result.median().microseconds(), result.silences.size(), result.silences.front().microseconds(),
                        result.silences.back().microseconds(), result.tolerance.microseconds());
  for (const std::string& failure : result.failures) text += "failed: " + failure + "\n";
  return text;
}

std::string pause_text(const PauseWords& words, const dpdk::PauseCheckResult& result) {
  std::string text = fmt::format("{:>8} {:>12} {:>12} {:>12}\n", "priority", "before", "paused", "after");
  for (unsigned p = 0; p < 8; ++p)
    if (p == words.priority || result.before[p] > 0)
      text += fmt::format("{:>8} {:>12} {:>12} {:>12}{}\n", p, result.before[p], result.paused[p], result.after[p],
                          p == words.priority ? "  <- paused" : "");
  text += fmt::format("{} PFC frames sent", result.pauses_sent);
  if (result.lapses > 0)
    text += fmt::format(" ({} of them after the quanta were over, {:.1f} us apart at most)", result.lapses,
                        result.longest_gap.microseconds());
  if (result.last_frame)
    text += fmt::format("; last frame {:.1f} us after the first", result.last_frame->microseconds());
  if (result.first_frame)
    text += fmt::format("; next one {:.1f} us after the resume", result.first_frame->microseconds());
  for (const std::string& failure : result.failures) text += "\nfailed: " + failure;
  return text + "\n";
}

// The same end for both checks. `before`: frames of the priority that came unpaused.
template <typename Result>
int show(const PauseWords& words, const Result& result, std::uint64_t before) {
  if (!words.json.empty())
    if (const auto done = write_file(words.json, to_json(measurement_of(words, result))); !done)
      return report_error(done.error());
  if (words.json != "-")
    if (const auto done = write_file("-", pause_text(words, result)); !done) return report_error(done.error());
  if (result.interrupted) return kInterruptedBySignal;
  if (before == 0)
    return report_error(Error{ErrorCode::kEnvironment,
                              "no frame of this priority came, so there is nothing to pause",
                              std::to_string(words.priority),
                              "let the neighbour send, as by weft dpdk send --dscp or --vlan there",
                              {}});
  if (!result.invalid.empty())
    return report_error(Error{ErrorCode::kEnvironment,
                              result.invalid,
                              "",
                              "run again on a quieter machine or with a processor of its own; check --link-rate",
                              {}});
  return result.failures.empty() ? kGood : kVerdictFailed;
}

int run(const PauseWords& words, const EalArguments& eal_arguments) {
  if (const auto writable = check_writable(words.json); !writable) return report_error(writable.error());
  const std::atomic<bool>& stop = interrupted();
  const auto eal = dpdk::Eal::start(eal_arguments);
  if (!eal) return report_error(eal.error());
  dpdk::PortOptions port_options;
  port_options.device = words.port;
  port_options.largest_frame = words.largest_frame;
  const auto port = dpdk::Port::open(*eal, port_options);
  if (!port) return report_error(port.error());
  const auto options = pause_options(words, port->facts());
  if (!options) return report_error(options.error());
  const auto io = dpdk::make_frame_io(*port);
  if (!io) return report_error(io.error());
  const auto start = std::chrono::steady_clock::now();
  const auto now = [&] {
    return Duration::ns(std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
  };
  if (words.single > 0) {
    const dpdk::PauseLengthResult result = dpdk::measure_pause(**io, *options, words.single, now, stop);
    return show(words, result, result.before);
  }
  const dpdk::PauseCheckResult result = dpdk::check_pause(**io, *options, now, stop);
  return show(words, result, result.before[words.priority]);
}

}  // namespace

void add_dpdk_pfc(CLI::App& dpdk, std::function<int()>& run_it, const EalArguments& eal) {
  const auto words = std::make_shared<PauseWords>();
  CLI::App* cmd = dpdk.add_subcommand("pfc", "Pauses one priority of the neighbour: does it stop, alone, and resume?");
  cmd->add_option("--port", words->port, "DPDK port: name or index");
  cmd->add_option("--priority", words->priority, "To pause")->check(CLI::Range(0U, 7U))->capture_default_str();
  cmd->add_option("--quanta", words->quanta, "Of 512 bit times, in each PFC frame")
      ->check(CLI::Range(1U, 65'535U))
      ->capture_default_str();
  cmd->add_option("--single", words->single,
                  "Send so many single pauses instead, and measure how long each one stops it")
      ->check(CLI::Range(1U, 1000U));
  cmd->add_option("--link-rate", words->link, "Of the port, where the driver does not know it; as 100Gbps");
  cmd->add_option("--phase", words->phase, "How long to count before, during and after")->capture_default_str();
  cmd->add_option("--grace", words->grace, "From a change until it must show")->capture_default_str();
  cmd->add_option("--largest-frame", words->largest_frame, "Bytes of the largest frame that may come, without FCS")
      ->check(CLI::Range(64U, 65'535U))
      ->capture_default_str();
  cmd->add_option("--json", words->json, "Measurement to a file; -: to stdout, without the table");
  cmd->callback([words, &run_it, &eal] { run_it = [words, &eal] { return run(*words, eal); }; });
}

}  // namespace weft
