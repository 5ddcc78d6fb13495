// The transitions; see the header for the picture.
#include "launcher/supervised_child.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "launcher/failure_causes.h"

namespace kubase::launcher {
namespace {

// One slow answer is no reason to call a component not ready.
constexpr int kProbesFailedMax = 2;
// Reads before others get their turn; a pipe holds no more than this.
constexpr int kReadsPerTurnMax = 16;
// Where the cause of an end is looked for: what is older was survived.
constexpr size_t kLinesWithCause = 20;

int64_t Milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

SupervisedChild::SupervisedChild(ChildSpec spec, std::unique_ptr<ChildOutput> output,
                                 const SupervisorOptions& options, MonotonicTime now, Log& log)
    : spec_(std::move(spec)),
      output_(std::move(output)),
      options_(options),
      log_(log),
      restart_policy_(options.restart),
      start_at_(now) {}

MonotonicTime SupervisedChild::NextTimer() const {
  return std::min({start_at_, kill_at_, probing_ ? kNever : probe_at_});
}

bool SupervisedChild::OnTimers(MonotonicTime now) {
  if (now >= start_at_) StartProcess(now);
  if (now >= kill_at_) Kill(now);
  if (probing_ || now < probe_at_) return false;
  probing_ = true;
  return true;
}

void SupervisedChild::StartProcess(MonotonicTime now) {
  start_at_ = kNever;
  if (generation_++ > 0) ++restarts_;
  started_ = now;
  output_->Begin();
  auto started = Process::Start(spec_.process);
  if (!started.ok()) {
    OnEnded(started.error().message, now);
    return;
  }
  process_.emplace(std::move(started).value());
  state_ = ChildState::kStarting;
  probe_at_ = now + options_.probe_interval_starting;
  log_.Info("started a component", {{"name", spec_.name}, {"pid", process_->pid()}});
}

void SupervisedChild::OnOutput() {
  if (!process_) return;
  char buffer[16 * 1024];
  for (int reads = 0; reads < kReadsPerTurnMax; ++reads) {
    const ssize_t length = ::read(process_->output_fd(), buffer, sizeof buffer);
    if (length == 0) process_->CloseOutput();
    if (length <= 0) return;
    output_->Append({buffer, static_cast<size_t>(length)});
  }
}

void SupervisedChild::OnExitFd(MonotonicTime now) {
  if (!process_) return;
  const auto ended = process_->TryReap();
  if (!ended) return;
  OnOutput();  // what it wrote last
  output_->Finish();
  process_.reset();
  OnEnded(ended->Describe(), now);
}

void SupervisedChild::OnEnded(const std::string& how, MonotonicTime now) {
  probe_at_ = kill_at_ = kNever;
  probes_failed_ = 0;
  last_exit_ = how;
  last_exit_time_ = now;
  if (stopping_) {
    state_ = ChildState::kStopped;
    log_.Info("a component has stopped", {{"name", spec_.name}, {"how", how}});
    return;
  }
  const auto cause = FindLikelyCause(output_->LastLinesOfRun(kLinesWithCause));
  if (cause) last_exit_ += ", probably because " + cause->cause + "; " + cause->fix;
  const auto wait = restart_policy_.NextWait(now - started_);
  start_at_ = now + wait;
  state_ = ChildState::kBackingOff;
  log_.Error("a component has ended and will be restarted",
             {{"name", spec_.name}, {"how", last_exit_}, {"restart_in_ms", Milliseconds(wait)}});
}

void SupervisedChild::OnProbed(int generation, const Result<void>& answer, MonotonicTime now) {
  probing_ = false;
  if (generation != generation_ || !process_) return;
  last_problem_ = answer.ok() ? "" : answer.error().message;
  if (answer.ok()) {
    probes_failed_ = 0;
    if (state_ != ChildState::kReady) {
      log_.Info("a component is ready",
                {{"name", spec_.name}, {"after_ms", Milliseconds(now - started_)}});
    }
    state_ = ChildState::kReady;
    was_ever_ready_ = true;
  } else if (state_ == ChildState::kReady && ++probes_failed_ >= kProbesFailedMax) {
    state_ = ChildState::kNotReady;
    log_.Warning("a component is not ready any more",
                 {{"name", spec_.name}, {"problem", last_problem_}});
  }
  if (stopping_) return;
  if (state_ == ChildState::kStarting) {
    probe_at_ = now + options_.probe_interval_starting;
  } else if (state_ == ChildState::kReady && probes_failed_ == 0) {
    probe_at_ = now + options_.probe_interval_ready;
  } else {
    probe_at_ = now + options_.probe_interval_not_ready;
  }
}

void SupervisedChild::Stop(MonotonicTime now) {
  if (stopping_) return;
  stopping_ = true;
  start_at_ = probe_at_ = kNever;
  if (!process_) {
    state_ = ChildState::kStopped;
    return;
  }
  process_->Signal(SIGTERM);
  kill_at_ = now + spec_.stop_timeout;
}

void SupervisedChild::Kill(MonotonicTime now) {
  Stop(now);
  kill_at_ = kNever;
  if (!process_) return;
  log_.Warning("killing a component", {{"name", spec_.name}, {"pid", process_->pid()}});
  process_->Signal(SIGKILL);
}

}  // namespace kubase::launcher
