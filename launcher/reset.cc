// `kubase reset`: removes a cluster with all its data, after a question.
#include <unistd.h>

#include <cstdio>
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
  std::printf("This removes the cluster in %s with all its data. Type yes to go on: ",
              data_dir.c_str());
  std::fflush(stdout);
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
    std::printf("There is nothing in %s.\n", paths->root.c_str());
    return ExitCode::kSuccess;
  }
  if (!flags.yes) {
    const auto asked = AskFirst(paths->root);
    if (!asked.ok()) return Fail(asked.error());
  }
  const auto report = RemoveDataDir(*paths);
  if (!report.ok()) return Fail(report.error());
  for (const auto& path : report->removed) std::printf("removed %s\n", path.c_str());
  for (const auto& path : report->kept) std::printf("kept    %s (not kubase's)\n", path.c_str());
  for (const std::string& problem : report->problems) {
    std::fprintf(stderr, "error: %s\n", problem.c_str());
  }
  return report->problems.empty() ? ExitCode::kSuccess : ExitCode::kFailure;
}

}  // namespace kubase::launcher
