// `kubase reset`: removes a cluster with all its data, after a question.
#include <unistd.h>

#include <iostream>
#include <string>
#include <system_error>

#include "launcher/data_dir.h"
#include "launcher/data_removal.h"
#include "launcher/verbs.h"

namespace kubase::launcher {
namespace {

Result<void> AskFirst(const std::string& data_dir) {
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "there is no terminal to ask on; add --yes to remove the cluster in " + data_dir};
  }
  Print("This removes the cluster in " + data_dir + " with all its data. Type yes to go on: ");
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "yes") return Ok();
  return Error{ErrorCode::kCancelled, "nothing was removed"};
}

}  // namespace

ExitCode RunReset(const ResetFlags& flags, const Program& program) {
  const auto paths = ResolvePaths(flags.data_dir, program.user);
  if (!paths.ok()) return Fail(paths.error());
  std::error_code error;
  if (!std::filesystem::exists(paths->root, error)) {
    return Print("There is nothing in " + paths->root.string() + ".\n");
  }
  if (!flags.yes) {
    const auto asked = AskFirst(paths->root);
    if (!asked.ok()) return Fail(asked.error());
  }
  const auto report = RemoveDataDir(*paths);
  if (!report.ok()) return Fail(report.error());
  std::string text;
  for (const auto& path : report->removed) text += "removed " + path.string() + "\n";
  for (const auto& path : report->kept) text += "kept    " + path.string() + " (not kubase's)\n";
  ExitCode outcome = Print(text);
  for (const std::string& problem : report->problems) {
    outcome = Fail({ErrorCode::kInternal, problem});
  }
  return outcome;
}

}  // namespace kubase::launcher
