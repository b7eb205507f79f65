#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "apps/commands.h"
#include "apps/console.h"
#include "emulator/version.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `weft ... | head` ends quietly
  CLI::App app{"weft: what a GPU fabric will deliver, before it is bought and once it is racked"};
  app.set_version_flag("--version", std::string(weft::kVersion));
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  std::function<int()> run;
  weft::add_predict(app, run);
  weft::add_topo(app, run);
  try {
    app.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? weft::kGood : weft::kInputWrong;
  } catch (const std::bad_alloc&) {
    return weft::report_error(weft::Error{weft::ErrorCode::kEnvironment,
                                          "out of memory",
                                          {},
                                          "use fewer ranks (--ranks), smaller groups, or --backend analytic",
                                          {}});
  }
}
