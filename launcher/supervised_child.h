// SupervisedChild: the state machine of one child of the supervisor.
//
//   starting -> ready <-> not ready     while the process runs, by its readiness probe
//   any of them -> backing off -> starting     when it ended or could not be started
//   any -> stopped     when it was asked to stop and has ended
//
// Not thread-safe: the supervisor's thread drives it under the supervisor's mutex. Time is handed
// in.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launcher/child_output.h"
#include "launcher/process.h"
#include "launcher/restart_policy.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"

namespace kubase::launcher {

enum class ChildState { kStarting, kReady, kNotReady, kBackingOff, kStopped };

// Asks a running child whether it is ready; the error says what is missing. Runs on a thread of the
// supervisor and must return within a few seconds.
using ReadinessProbe = std::function<Result<void>()>;

struct ChildSpec {
  std::string name;  // unique within the supervisor; also the component of its log lines
  ProcessSpec process;
  ReadinessProbe probe;
  std::string log_file;                            // rotated; empty: none
  std::chrono::milliseconds stop_timeout{10'000};  // from SIGTERM to SIGKILL
};

struct SupervisorOptions {
  RestartPolicy::Options restart;
  std::chrono::milliseconds probe_interval_starting{100};
  std::chrono::milliseconds probe_interval_ready{10'000};
  std::chrono::milliseconds probe_interval_not_ready{1'000};
};

class SupervisedChild {
 public:
  // `log` must outlive the child. The process starts with the first OnTimers.
  SupervisedChild(ChildSpec spec, std::unique_ptr<ChildOutput> output,
                  const SupervisorOptions& options, MonotonicTime now, Log& log);

  const std::string& name() const { return spec_.name; }
  const ReadinessProbe& probe() const { return spec_.probe; }
  ChildState state() const { return state_; }
  int pid() const { return process_ ? process_->pid() : 0; }
  int restarts() const { return restarts_; }
  MonotonicTime started() const { return started_; }
  bool was_ever_ready() const { return was_ever_ready_; }
  // Counts the processes of this child, so that an answer about an earlier one can be told.
  int generation() const { return generation_; }
  const std::string& last_problem() const { return last_problem_; }  // of the probe
  const std::string& last_exit() const { return last_exit_; }        // as in ChildStatus
  MonotonicTime last_exit_time() const { return last_exit_time_; }
  std::vector<std::string> LastLines(size_t count) const { return output_->LastLines(count); }

  // Descriptors to wait for; -1 where there is none.
  int exit_fd() const { return process_ ? process_->exit_fd() : -1; }
  int output_fd() const { return process_ ? process_->output_fd() : -1; }
  // When OnTimers has something to do next.
  MonotonicTime NextTimer() const;

  // Starts or kills the process where that is due. True: the probe is due, run it and report.
  [[nodiscard]] bool OnTimers(MonotonicTime now);
  void OnOutput();
  void OnExitFd(MonotonicTime now);
  void OnProbed(int generation, const Result<void>& answer, MonotonicTime now);
  // SIGTERM now, SIGKILL after the time-out; it will not be restarted.
  void Stop(MonotonicTime now);
  // SIGKILL now.
  void Kill(MonotonicTime now);

 private:
  static constexpr MonotonicTime kNever = MonotonicTime::max();

  void StartProcess(MonotonicTime now);
  void OnEnded(const std::string& how, MonotonicTime now);

  const ChildSpec spec_;
  const std::unique_ptr<ChildOutput> output_;
  const SupervisorOptions options_;
  Log& log_;
  RestartPolicy restart_policy_;
  std::optional<Process> process_;
  ChildState state_ = ChildState::kStarting;
  bool stopping_ = false;
  bool probing_ = false;  // an answer is awaited
  bool was_ever_ready_ = false;
  int probes_failed_ = 0;  // in a row, while ready
  int generation_ = 0;
  int restarts_ = 0;
  MonotonicTime started_{};
  MonotonicTime start_at_;
  MonotonicTime probe_at_ = kNever;
  MonotonicTime kill_at_ = kNever;
  std::string last_problem_;
  std::string last_exit_;
  MonotonicTime last_exit_time_{};
};

}  // namespace kubase::launcher
