#include <fmt/format.h>

#include <fstream>
#include <ostream>
#include <vector>

#include "apps/build_fabric.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/fabric_summary.h"
#include "topologies/draw.h"
#include "topologies/failures.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

struct TopoOptions {
  std::string spec, json, cabling, dot, svg, links, floor;
  std::vector<std::string> overrides;
  bool check = false;
};

// '*' stands for any text, '?' for one character. Linear: of the stars only the last may have to take more.
bool matches(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*'))) {
      ++t, ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string state_of(const Deviations& deviations, LinkId link) {
  const double factor = deviations.rate_factor(link.value / 2);
  if (factor >= 1) return "up";
  return factor == 0 ? "dead" : fmt::format("degraded to {:.4g} %", 100 * factor);
}

Expected<std::vector<LinkId>> find_links(const Topology& topology, const std::string& pattern) {
  std::vector<LinkId> found;
  if (pattern.find_first_of("*?") == std::string::npos) {
    const auto link = topology.find_link(pattern);
    if (!link)
      return input_error("--links: no such link", pattern, "the nearest name is " + nearest_name(topology, pattern));
    return std::vector{*link};
  }
  const std::atomic<bool>& stop = interrupted();
  for (std::uint32_t l = 0; l < topology.link_count(); ++l) {
    if (stop) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted while searching links", {}, {}, {}});
    if (matches(topology.name(LinkId{l}), pattern)) found.push_back(LinkId{l});
  }
  if (found.empty())
    return input_error("--links: no link has such a name", pattern,
                       "names are like host0.nic0.port0>leaf0 and leaf0>spine1; * stands for any text");
  return found;
}

Expected<void> print_links(const Topology& topology, const std::string& pattern) {
  const auto found = find_links(topology, pattern);
  if (!found) return tl::unexpected(found.error());
  const auto deviations = resolve_failures(topology);
  if (!deviations) return tl::unexpected(deviations.error());
  return write_stream("-", [&](std::ostream& out) -> Expected<void> {
    out << fmt::format("{:<40} {:<24} {:<24} {:<11} {:>11} {:>9}  {}\n", "link", "from", "to", "tier", "rate", "delay",
                       "state");
    for (const LinkId link : *found) {
      const LinkEnds ends = topology.ends(link);
      const Rate rate = topology.rate(link);
      out << fmt::format("{:<40} {:<24} {:<24} {:<11} {:>11} {:>9}  {}\n", topology.name(link),
                         topology.name(ends.from), topology.name(ends.to), to_text(topology.tier(link)),
                         rate.bits_per_second > 0 ? to_text(rate) : "0", to_text(topology.delay(link)),
                         state_of(*deviations, link));
    }
    return {};
  });
}

Expected<WiringReport> check(const Topology& topology, const TopoOptions& options) {
  if (options.floor.empty()) return check_wiring(topology);
  std::ifstream found(options.floor, std::ios::binary);
  if (!found || found.peek() == std::ifstream::traits_type::eof())
    return input_error("--check: cannot read the cabling list, or it is empty", options.floor,
                       "a CSV with the columns from, from_port, to and to_port");
  return check_wiring(topology, found, options.floor);
}

std::string wiring_text(const WiringReport& report, bool floor) {
  std::string out;
  for (const std::string& problem : report.problems) out += problem + "\n";
  if (report.problem_count > report.problems.size())
    out += fmt::format("and {} more\n", report.problem_count - report.problems.size());
  for (const std::string& note : report.notes) out += fmt::format("note: {}\n", note);
  const std::string what = floor ? "the cabling list against the plan" : "the design";
  if (report.good()) return out + fmt::format("wiring: {}: good\n", what);
  return out +
         fmt::format("wiring: {}: {} problem{}\n", what, report.problem_count, report.problem_count == 1 ? "" : "s");
}

// Pictures and plans; empty names are not written.
Expected<void> write_files(const Topology& topology, const TopoOptions& options) {
  for (const auto& [path, draw] : {std::pair(&options.dot, &draw_dot), std::pair(&options.svg, &draw_svg)}) {
    if (path->empty()) continue;
    const auto picture = draw(topology);
    if (!picture) return tl::unexpected(picture.error());
    if (auto done = write_file(*path, *picture); !done) return done;
  }
  if (options.cabling.empty()) return {};
  return write_stream(options.cabling, [&](std::ostream& out) { return write_cabling_plan(topology, out); });
}

Expected<int> topo(const TopoOptions& options) {
  int to_stdout = options.links.empty() ? 0 : 1;
  for (const std::string* path : {&options.json, &options.cabling, &options.dot, &options.svg}) {
    if (*path == "-") ++to_stdout;
    if (auto writable = check_writable(*path); !writable) return tl::unexpected(writable.error());
  }
  if (to_stdout > 1)
    return input_error("two results for one stdout", "-",
                       "give file names to --json, --cabling, --dot and --svg, and --links alone");
  const auto spec = load_spec(options.spec, options.overrides);
  if (!spec) return tl::unexpected(spec.error());
  const auto topology = build_fabric(*spec, options.spec);
  if (!topology) return tl::unexpected(topology.error());
  if (auto done = write_files(**topology, options); !done) return tl::unexpected(done.error());
  if (!options.links.empty())
    if (auto done = print_links(**topology, options.links); !done) return tl::unexpected(done.error());
  std::optional<WiringReport> wiring;
  if (options.check) {
    auto report = check(**topology, options);
    if (!report) return tl::unexpected(report.error());
    wiring = std::move(*report);
  }
  const auto summary = summarize(**topology);
  if (!summary) return tl::unexpected(summary.error());
  if (interrupted()) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
  if (!options.json.empty()) {
    const std::string json = summary_json(**topology, *summary, wiring ? &*wiring : nullptr);
    if (auto done = write_file(options.json, json); !done) return tl::unexpected(done.error());
  }
  if (to_stdout == 0) {
    std::string text = summary_text(**topology, *summary);
    if (wiring) text += "\n" + wiring_text(*wiring, !options.floor.empty());
    if (auto done = write_file("-", text); !done) return tl::unexpected(done.error());
  }
  return wiring && !wiring->good() ? kVerdictFailed : kGood;
}

}  // namespace

void add_topo(CLI::App& app, std::function<int()>& run) {
  const auto options = std::make_shared<TopoOptions>();
  TopoOptions& o = *options;
  CLI::App* cmd = app.add_subcommand("topo", "What a fabric is made of, how it is cabled, and whether that is right");
  cmd->add_option("spec", o.spec, "Fabric file (YAML; docs/spec.md)");
  cmd->add_option("--set", o.overrides, "Change a field of the fabric file: hosts.count=128 (repeatable)")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  const auto* check =
      cmd->add_option(
             "--check", o.floor,
             "Check the design, or a cabling list found on the floor (CSV) against the plan; exit code 1: problems")
          ->expected(0, 1)
          ->type_name("[FILE]");
  cmd->add_option("--cabling", o.cabling, "Write the cabling plan as CSV, one line a cable; -: to stdout")
      ->type_name("FILE");
  cmd->add_option("--dot", o.dot, "Draw for Graphviz, up to 512 hosts and switches; -: to stdout")->type_name("FILE");
  cmd->add_option("--svg", o.svg, "Draw as SVG, up to 512 hosts and switches; -: to stdout")->type_name("FILE");
  cmd->add_option("--links", o.links, "Show links by name: ends, rate, delay, state; 'leaf0>*' takes all that match")
      ->type_name("PATTERN");
  cmd->add_option("--json", o.json, "Write the counts, parts and findings as JSON; -: to stdout, without the tables")
      ->type_name("FILE");
  cmd->callback([options, check, &run] {
    options->check = check->count() > 0;
    // `weft topo --check SPEC`: the optional value has taken the fabric file.
    if (options->spec.empty()) options->spec.swap(options->floor);
    if (options->spec.empty()) throw CLI::RequiredError("spec");
    run = [options] {
      const auto code = topo(*options);
      return code ? *code : report_error(code.error());
    };
  });
}

}  // namespace weft
