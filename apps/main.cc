#include <CLI/CLI.hpp>
#include <csignal>
#include <new>
#include <stdexcept>
#include <system_error>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "emulator/version.h"

namespace {

weft::Error out_of_memory() {
  return {
      weft::ErrorCode::kEnvironment, "out of memory", "", "use fewer ranks, smaller groups or --backend analytic", {}};
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
