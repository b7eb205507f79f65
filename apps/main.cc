#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "emulator/version.h"

namespace {

weft::Error out_of_memory() {
  return {
      weft::ErrorCode::kEnvironment, "out of memory", "", "use fewer ranks, smaller groups or --backend analytic", {}};
}

// The words behind the first `--` of `weft dpdk`; they are taken out of the command line.
std::vector<std::string> split_off_eal(int& argc, char** argv) {
  using namespace std::string_view_literals;
  if (argc < 2 || argv[1] != "dpdk"sv) return {};
  char** const end = argv + argc;
  char** const mark = std::find(argv, end, "--"sv);
  argc = static_cast<int>(mark - argv);
  return mark == end ? std::vector<std::string>{} : std::vector<std::string>(mark + 1, end);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `weft ... | head` ends quietly
  CLI::App app{"weft: what a GPU fabric will deliver, before it is bought and once it is racked"};
  app.set_version_flag("--version", std::string(weft::kVersion));
  app.require_subcommand(1);
  std::function<int()> run;
  weft::add_predict(app, run);
  weft::add_topo(app, run);
#ifdef WEFT_HAS_VERBS
  weft::add_verbs(app, run);
#endif
  const std::vector<std::string> eal = split_off_eal(argc, argv);
#ifdef WEFT_HAS_DPDK
  weft::add_dpdk(app, run, eal);
#endif
  try {
    app.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& error) {
    return weft::report_parse_error(app, error);
  } catch (const std::bad_alloc&) {
    return weft::report_error(out_of_memory());
  } catch (const std::length_error&) {  // a vector beyond its largest size
    return weft::report_error(out_of_memory());
  } catch (const std::system_error& error) {
    return weft::report_error(
        {weft::ErrorCode::kEnvironment, "the system refused", error.what(), "use fewer --threads or less memory", {}});
  }
}
