// The command line: verbs and their flags, environment variables, help and errors.
//
// Every flag of every verb can also be set by KUBASE_ and its name in capitals (EnvironmentName); a
// flag wins over its variable. Usage errors are one sentence and a way out, and never reach a verb.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "launcher/flags.h"

namespace kubase::launcher {

// Documented in --help, tested, and the same for every verb.
enum class ExitCode {
  kSuccess = 0,
  kFailure = 1,
  kUsage = 2,
  kNotRunning = 3,  // status, down, gc: no kubase works on the data directory
};

using Command =
    std::variant<UpFlags, DownFlags, StatusFlags, KubectlFlags, KubeconfigFlags, ServeFlags,
                 ResetFlags, RestoreFlags, FsckFlags, GcFlags, VersionFlags, CompletionFlags>;

struct ParsedCommandLine {
  std::optional<Command> command;  // absent: print `text` and end with `exit_code`
  ExitCode exit_code = ExitCode::kSuccess;
  std::string text;  // help to standard output on kSuccess, else an error for standard error
};

// `arguments` without the program's name. Environment variables are read from the process, since
// CLI11 offers no other source.
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments);

// "--data-dir" -> "KUBASE_DATA_DIR"
std::string EnvironmentName(const std::string& flag);

// What completion scripts are made of: the verbs and flags as they really are.
struct FlagDescription {
  std::string name;         // "--data-dir"
  std::string short_name;   // "-o"; empty: none
  std::string description;  // one line
  bool takes_value = true;
  std::string value_kind;            // "FILE", "DIR" or another word; empty without value
  std::vector<std::string> choices;  // of the value; empty: free
};
struct VerbDescription {
  std::string name;
  std::string description;
  std::vector<FlagDescription> flags;
  std::vector<std::string> choices;  // of the positional argument
};
std::vector<VerbDescription> DescribeVerbs();

}  // namespace kubase::launcher
