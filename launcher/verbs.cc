// Dispatch, and the verbs that are a line or two.
#include "launcher/verbs.h"

#include <cstdio>

#include "launcher/completion.h"

namespace kubase::launcher {
namespace {

ExitCode RunVersion(const VersionFlags& flags, const Program& program) {
  return Print(flags.output == "json" ? RenderVersionJson(program.version)
                                      : RenderVersionText(program.version));
}

ExitCode RunCompletion(const CompletionFlags& flags) {
  const auto script = RenderCompletion(flags.shell, DescribeVerbs());
  if (!script.ok()) return Fail(script.error());
  return Print(*script);
}

struct Runner {
  const Program& program;
  ExitCode operator()(const UpFlags& flags) const { return RunUp(flags, program); }
  ExitCode operator()(const DownFlags& flags) const { return RunDown(flags, program); }
  ExitCode operator()(const StatusFlags& flags) const { return RunStatus(flags, program); }
  ExitCode operator()(const KubectlFlags& flags) const { return RunKubectl(flags, program); }
  ExitCode operator()(const KubeconfigFlags& flags) const { return RunKubeconfig(flags, program); }
  ExitCode operator()(const ServeFlags& flags) const { return RunServe(flags, program); }
  ExitCode operator()(const ResetFlags& flags) const { return RunReset(flags, program); }
  ExitCode operator()(const RestoreFlags& flags) const { return RunRestore(flags, program); }
  ExitCode operator()(const FsckFlags& flags) const { return RunFsck(flags, program); }
  ExitCode operator()(const GcFlags& flags) const { return RunGc(flags, program); }
  ExitCode operator()(const VersionFlags& flags) const { return RunVersion(flags, program); }
  ExitCode operator()(const CompletionFlags& flags) const { return RunCompletion(flags); }
};

}  // namespace

ExitCode RunCommand(const Command& command, const Program& program) {
  return std::visit(Runner{program}, command);
}

ExitCode Print(const std::string& text) {
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return written ? ExitCode::kSuccess : ExitCode::kFailure;
}

ExitCode Fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return error.code == ErrorCode::kInvalidArgument ? ExitCode::kUsage : ExitCode::kFailure;
}

ExitCode FailNotRunning(const std::string& data_dir) {
  std::fprintf(stderr, "No kubase runs on %s; start one with \"kubase up\".\n", data_dir.c_str());
  return ExitCode::kNotRunning;
}

}  // namespace kubase::launcher
