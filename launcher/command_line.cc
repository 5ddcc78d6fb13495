// The tree of CLI11. Values stay text here and are validated by config.h, which knows what they
// mean.
#include "launcher/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>
#include <utility>

#include "launcher/command_line_verbs.h"

namespace kubase::launcher {
namespace {

constexpr const char* kDescription =
    "kubase: a Kubernetes API on SQL databases.\n"
    "`kubase up` starts a cluster; `kubase kubectl get namespaces` talks to it.";

constexpr const char* kFooter =
    "Every flag can be set by an environment variable too (shown as Env:); the flag wins.\n"
    "Several clusters run side by side when each has its own --data-dir and --secure-port.\n"
    "Exit codes: 0 success, 1 failure, 2 usage, 3 not running.";

void NameEnvironmentVariables(CLI::App& app) {
  for (CLI::App* verb : app.get_subcommands({})) {
    for (CLI::Option* option : verb->get_options()) {
      const auto& names = option->get_lnames();
      if (names.empty() || names.front() == "help") continue;
      option->envname(EnvironmentName("--" + names.front()));
    }
  }
}

std::unique_ptr<CLI::App> MakeApp(AllFlags& flags) {
  auto app = std::make_unique<CLI::App>(kDescription, "kubase");
  app->require_subcommand(0, 1);
  app->set_version_flag("--version", "", "Print versions, as the verb does.");
  app->footer(kFooter);
  AddVerbs(*app, flags);
  NameEnvironmentVariables(*app);
  return app;
}

const CLI::App* ChosenVerb(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? nullptr : chosen.front();
}

// One sentence with the way out, from what CLI11 found.
std::string DescribeUsageError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* verb = ChosenVerb(app);
  const std::string command = verb == nullptr ? "kubase" : "kubase " + verb->get_name();
  const std::string way_out = "; see \"" + command + " --help\"";
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const auto unexpected = app.remaining(true);
    const std::string first = unexpected.empty() ? "" : unexpected.front();
    const bool is_flag = !first.empty() && first.front() == '-';
    if (verb == nullptr && !is_flag) return "there is no verb \"" + first + "\"" + way_out;
    return command + (is_flag ? " does not know the flag " : " does not expect the argument ") +
           first + way_out;
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string what = error.what();
    return command + ": " + what.substr(0, what.find(':')) + " needs a value" + way_out;
  }
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  return command + ": " + what + way_out;
}

Command Choose(const CLI::App& verb, AllFlags& flags) {
  const std::string& name = verb.get_name();
  if (name == "up") return flags.up;
  if (name == "down") return flags.down;
  if (name == "status") return flags.status;
  if (name == "kubeconfig") return flags.kubeconfig;
  if (name == "serve") return flags.serve;
  if (name == "reset") return flags.reset;
  if (name == "restore") return flags.restore;
  if (name == "fsck") return flags.fsck;
  if (name == "gc") return flags.gc;
  if (name == "version") return flags.version;
  if (name == "completion") return flags.completion;
  flags.kubectl.arguments = verb.remaining();
  return flags.kubectl;
}

// Shells complete "kubase kubectl --data-dir DIR get …" by calling "kubectl __complete --data-dir
// DIR get …": our flags are found behind that word too.
Command TakeFlagsOfCompletion(Command command) {
  auto* const outer = std::get_if<KubectlFlags>(&command);
  if (outer == nullptr || outer->arguments.empty()) return command;
  const std::string word = outer->arguments.front();
  if (word != "__complete" && word != "__completeNoDesc") return command;
  std::vector<std::string> rest = {"kubectl"};
  rest.insert(rest.end(), outer->arguments.begin() + 1, outer->arguments.end());
  const ParsedCommandLine parsed = ParseCommandLine(rest);
  if (!parsed.command) return command;
  KubectlFlags inner = std::get<KubectlFlags>(*parsed.command);
  inner.arguments.insert(inner.arguments.begin(), word);
  return inner;
}

FlagDescription Describe(const CLI::Option& option) {
  FlagDescription flag{.name = "--" + option.get_lnames().front(),
                       .description = option.get_description(),
                       .takes_value = option.get_type_size() > 0};
  if (!option.get_snames().empty()) flag.short_name = "-" + option.get_snames().front();
  const size_t sentence_end = flag.description.find(". ");
  if (sentence_end != std::string::npos) flag.description.resize(sentence_end + 1);
  // "FORMAT:{table,json}": CLI11 keeps the choices of a membership check in the type's name.
  const std::string type = flag.takes_value ? option.get_type_name() : "";
  flag.value_kind = type.substr(0, type.find(':'));
  return flag;
}

std::vector<std::string> ReadChoices(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{');
  const size_t close = type.find('}');
  if (open == type.npos || close == type.npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

}  // namespace

std::string EnvironmentName(const std::string& flag) {
  std::string name = "KUBASE_";
  for (const char c : std::string_view(flag).substr(flag.find_first_not_of('-'))) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  AllFlags flags;
  const auto app = MakeApp(flags);
  // "kubase help up" is "kubase up --help".
  std::vector<std::string> wanted = arguments;
  if (!wanted.empty() && wanted.front() == "help") {
    wanted.erase(wanted.begin());
    wanted.push_back("--help");
  }
  try {
    // CLI11 takes the arguments reversed.
    app->parse(std::vector<std::string>(wanted.rbegin(), wanted.rend()));
  } catch (const CLI::CallForVersion&) {
    return {.command = VersionFlags{}};
  } catch (const CLI::CallForHelp&) {
    const CLI::App* verb = ChosenVerb(*app);
    return {.text = verb == nullptr ? app->help() : verb->help("kubase")};
  } catch (const CLI::ParseError& error) {
    return {.exit_code = ExitCode::kUsage, .text = DescribeUsageError(*app, error)};
  }
  const CLI::App* verb = ChosenVerb(*app);
  if (verb == nullptr) return {.text = app->help()};
  return {.command = TakeFlagsOfCompletion(Choose(*verb, flags))};
}

std::vector<VerbDescription> DescribeVerbs() {
  AllFlags flags;
  const auto app = MakeApp(flags);
  std::vector<VerbDescription> verbs;
  for (const CLI::App* verb : app->get_subcommands({})) {
    VerbDescription description{.name = verb->get_name(), .description = verb->get_description()};
    for (const CLI::Option* option : verb->get_options()) {
      if (option->get_lnames().empty()) {
        const std::vector<std::string> choices = ReadChoices(*option);
        if (!choices.empty()) description.choices = choices;
      } else {
        FlagDescription flag = Describe(*option);
        flag.choices = ReadChoices(*option);
        description.flags.push_back(std::move(flag));
      }
    }
    verbs.push_back(std::move(description));
  }
  return verbs;
}

}  // namespace kubase::launcher
