// `kubase up`: one process from the lock on the data directory to the last closed file; with
// --detach that process runs in the background and this one shows its progress.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stop_token>
#include <utility>

#include "launcher/appliance.h"
#include "launcher/config.h"
#include "launcher/detach.h"
#include "launcher/progress.h"
#include "launcher/scheduling.h"
#include "launcher/service_manager.h"
#include "launcher/signals.h"
#include "launcher/verbs.h"

namespace kubase::launcher {
namespace {

constexpr const char* kLogName = "kubase.log";
constexpr const char* kStandardErrorName = "kubase-stderr.log";

// On a terminal the log would tear the progress apart: it goes to a file, as for a detached kubase.
bool LogsToFile(const UpConfig& config, bool is_detached) {
  return is_detached || (::isatty(STDERR_FILENO) != 0 && !config.log.verbose);
}

std::unique_ptr<Log> OpenUpLog(const UpConfig& config, bool is_detached) {
  LogOptions options{.format = config.log.format,
                     .level = config.log.verbose ? LogLevel::kDebug : LogLevel::kInfo};
  if (LogsToFile(config, is_detached)) options.file = config.paths.log_dir / kLogName;
  return OpenLog(options);
}

// What kubase itself prints when it breaks would be lost without a terminal.
void KeepStandardError(const DataPaths& paths) {
  const OwnedFd file(::open((paths.log_dir / kStandardErrorName).c_str(),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file.valid()) ::dup2(file.get(), STDERR_FILENO);
}

// Runs a whole appliance and reports to `progress`. The result is that of the run: an error when it
// could not start or ended by itself.
Result<void> RunAppliance(const UpConfig& config, const Program& program, ProgressSink& progress,
                          bool is_detached) {
  const SystemClock clock;
  Steps steps(progress, clock);
  steps.Begin("data directory");
  auto data_dir =
      DataDir::Open(config.paths, program.user, {.kubase_version = program.version.version});
  if (!data_dir.ok()) {
    steps.Failed(data_dir.error().message, {});
    return std::move(data_dir).error();
  }
  steps.Done(config.paths.root.string());
  if (is_detached) KeepStandardError(config.paths);
  const std::unique_ptr<Log> log = OpenUpLog(config, is_detached);
  log->Info("starting", {{"version", program.version.version},
                         {"data_dir", config.paths.root.string()},
                         {"endpoint", config.endpoint.display}});

  Appliance appliance({config, program.user, program.version, program.image}, *data_dir, clock,
                      *log, steps);
  std::stop_source stop;
  const SignalWatcher signals([&stop] { stop.request_stop(); },
                              [&appliance] { appliance.KillComponents(); }, clock);
  Result<void> outcome = appliance.Start(stop.get_token());
  if (outcome.ok()) {
    steps.Ready(appliance.DescribeReady());
    log->Info("ready");
    outcome = appliance.WaitForEnd(stop.get_token());
  }
  const bool has_failed = !outcome.ok() && outcome.error().code != ErrorCode::kCancelled;
  // The sentence is shown at once, unless the log goes to the same place and would bury it.
  const bool at_once = LogsToFile(config, is_detached);
  if (has_failed && at_once) {
    steps.Failed(outcome.error().message, appliance.last_lines());
    log->Error("stopping", {{"cause", outcome.error().message}});
  }
  appliance.Stop();
  log->Info("stopped");
  if (has_failed && !at_once) steps.Failed(outcome.error().message, appliance.last_lines());
  return outcome;
}

// The process in the background: reports through `report` to the one that waits.
ExitCode RunDetached(const UpConfig& config, const Program& program, const OwnedFd& report) {
  const auto progress = MakeJsonProgress(report.get());
  return RunAppliance(config, program, *progress, true).ok() ? ExitCode::kSuccess
                                                             : ExitCode::kFailure;
}

// The process in front: what is asked of it is asked of the one in the background.
ExitCode ShowDetached(const UpConfig& config, const Forked& forked) {
  const SystemClock clock;
  const auto pass_on = [&forked] { ::kill(forked.child, SIGTERM); };
  const SignalWatcher signals(pass_on, pass_on, clock);
  const auto progress = MakeProgress({stdout, stderr});
  const auto outcome = FollowProgress(forked.pipe_end, *progress);
  if (outcome.ok()) return ExitCode::kSuccess;
  if (outcome.error().code == ErrorCode::kUnavailable) {
    std::fprintf(stderr, "error: %s; see %s\n", outcome.error().message.c_str(),
                 config.paths.log_dir.c_str());
  }
  return ExitCode::kFailure;
}

}  // namespace

ExitCode RunUp(const UpFlags& flags, const Program& program) {
  const auto config = ValidateUp(flags, program.user);
  if (!config.ok()) return Fail(config.error());
  BlockSignals();
  LetRunningThreadsFinish();
  if (config->detach) {
    auto forked = ForkIntoBackground();
    if (!forked.ok()) return Fail(forked.error());
    if (forked->child != 0) return ShowDetached(*config, *forked);
    return RunDetached(*config, program, forked->pipe_end);
  }
  const auto progress = MakeProgress({stdout, stderr});
  const auto outcome = RunAppliance(*config, program, *progress, false);
  if (outcome.ok()) return ExitCode::kSuccess;
  if (outcome.error().code == ErrorCode::kCancelled) return ExitCode::kSuccess;
  return ExitCode::kFailure;
}

}  // namespace kubase::launcher
