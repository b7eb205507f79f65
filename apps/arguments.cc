#include "apps/arguments.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/console.h"
#include "topologies/spec_suggest.h"

namespace weft {
namespace {

constexpr std::size_t kShown = 200;  // of a wrong word

std::vector<std::string> words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(command->get_name());
  return words;
}

Error unexpected_word(const CLI::App& app, const std::string& word, const std::string& help) {
  const std::string name = word.substr(0, word.find('='));
  const bool option = name.starts_with('-');
  const bool command = !app.get_subcommands([](const CLI::App*) { return true; }).empty();
  Error error{ErrorCode::kInput,
              option    ? "unknown option"
              : command ? "unknown command"
                        : "one argument too many",
              word.substr(0, kShown),
              help,
              {}};
  const std::string nearest = nearest_word(name.substr(0, kShown), words_of(app));
  if ((option || command) && !nearest.empty()) error.way_out = "did you mean " + nearest + "?";
  return error;
}

}  // namespace

CLI::Validator whole_number(std::uint64_t maximum, std::uint64_t minimum) {
  const auto check = [maximum, minimum](const std::string& text) -> std::string {
    std::uint64_t value = 0;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed == std::errc{} && stop == text.data() + text.size() && value >= minimum && value <= maximum) return {};
    return fmt::format("not a whole number from {} to {}: '{}'", minimum, maximum, text.substr(0, kShown));
  };
  return {check, ""};
}

int report_parse_error(CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const CLI::App* command = &app;
  std::string words = "weft";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    words += " " + command->get_name();
  }
  const std::string help = fmt::format("see {} --help", words);
  const auto left_over = app.remaining(true);
  if (!left_over.empty()) return report_error(unexpected_word(*command, left_over.front(), help));
  std::string message = error.what();
  if (!command->get_subcommands([](const CLI::App*) { return true; }).empty()) message = "no command";
  const std::size_t twice = message.find(": At Most 1 required");
  if (twice != std::string::npos) message = message.substr(0, twice) + " is given more than once";
  const std::size_t missing = message.find(": 1 required ");
  if (missing != std::string::npos) message = message.substr(0, missing) + " needs a value";
  return report_error(Error{ErrorCode::kInput, message, {}, help, {}});
}

}  // namespace weft
