// The thread: waits for output, ends of children and timers, and lets each child's state machine
// act.
#include "launcher/supervisor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace kubase::launcher {

Supervisor::Supervisor(const SupervisorOptions& options, const Clock& clock, Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      probes_({.name = "probe", .threads = 2}),
      thread_([this] {
        NameThread("supervisor");
        RunThread();
      }) {
  KUBASE_CHECK(wake_.valid());
}

Supervisor::~Supervisor() {
  probes_.Stop();
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  Wake();
  thread_.join();
}

Result<void> Supervisor::Start(ChildSpec spec) {
  auto output = ChildOutput::Open(log_, spec.name, spec.log_file);
  if (!output.ok()) return std::move(output).error();
  {
    const std::lock_guard lock(mutex_);
    KUBASE_CHECK(Find(spec.name) == nullptr);
    children_.push_back(std::make_unique<SupervisedChild>(
        std::move(spec), std::move(output).value(), options_, clock_.Now(), log_));
  }
  Wake();
  return Ok();
}

Result<void> Supervisor::WaitReady(const std::string& name, std::chrono::milliseconds timeout,
                                   std::stop_token stop) {
  std::unique_lock lock(mutex_);
  SupervisedChild* child = Find(name);
  KUBASE_CHECK(child != nullptr);
  const auto is_decided = [child] {
    return child->was_ever_ready() || !child->last_exit().empty() ||
           child->state() == ChildState::kStopped;
  };
  const bool decided = changed_.wait_for(lock, stop, timeout, is_decided);
  if (decided && child->was_ever_ready()) return Ok();
  if (decided) return DescribeFailedStart(*child);
  if (stop.stop_requested()) {
    return Error{ErrorCode::kCancelled, "stopped while " + name + " was starting"};
  }
  const std::string problem =
      child->last_problem().empty() ? "it did not answer" : child->last_problem();
  return Error{ErrorCode::kDeadlineExceeded, name + " was not ready within " +
                                                 std::to_string(timeout.count() / 1000) + " s (" +
                                                 problem + "); see its last lines"};
}

Error Supervisor::DescribeFailedStart(const SupervisedChild& child) const {
  return {ErrorCode::kUnavailable, child.name() + " could not start: " + child.last_exit()};
}

void Supervisor::Stop(const std::vector<std::string>& names) {
  std::unique_lock lock(mutex_);
  std::vector<SupervisedChild*> stopping;
  for (const std::string& name : names) {
    SupervisedChild* child = Find(name);
    if (child == nullptr) continue;
    child->Stop(clock_.Now());
    stopping.push_back(child);
  }
  changed_.notify_all();
  Wake();
  changed_.wait(lock, [&stopping] {
    return std::all_of(stopping.begin(), stopping.end(), [](const SupervisedChild* child) {
      return child->state() == ChildState::kStopped;
    });
  });
}

void Supervisor::KillAll() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& child : children_) child->Kill(clock_.Now());
    changed_.notify_all();
  }
  Wake();
}

std::vector<ChildStatus> Supervisor::ReadStatus() const {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Now();
  std::vector<ChildStatus> statuses;
  for (const auto& child : children_) {
    ChildStatus status{.name = child->name(),
                       .state = child->state(),
                       .pid = child->pid(),
                       .restarts = child->restarts(),
                       .problem = child->last_problem(),
                       .last_exit = child->last_exit(),
                       .last_lines = child->LastLines(kStatusLines)};
    if (status.pid != 0) {
      status.usage = ReadProcessUsage(status.pid);
      status.running_for = now - child->started();
    }
    if (!status.last_exit.empty()) status.since_last_exit = now - child->last_exit_time();
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<void> Supervisor::CheckAlive(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  Wake();
  const bool turned =
      changed_.wait_for(lock, timeout, [this, seen = turns_] { return turns_ != seen; });
  if (turned) return Ok();
  return Error{ErrorCode::kDeadlineExceeded,
               "the supervision of the components did not answer "
               "within " +
                   std::to_string(timeout.count()) + " ms"};
}

void Supervisor::RunThread() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
    for (const auto& child : children_) {  // poll ignores negative descriptors
      polled.push_back({child->exit_fd(), POLLIN, 0});
      polled.push_back({child->output_fd(), POLLIN, 0});
    }
    const int timeout_ms = PollTimeout();
    lock.unlock();
    ::poll(polled.data(), polled.size(), timeout_ms);
    lock.lock();
    HandleEvents(polled);
    ++turns_;
    changed_.notify_all();
  }
  children_.clear();  // kills what still runs: by the thread that started it
}

void Supervisor::HandleEvents(const std::vector<pollfd>& polled) {
  uint64_t wakes = 0;
  if (polled[0].revents != 0 && ::read(wake_.get(), &wakes, sizeof wakes) < 0) {
    // Nothing to read: another turn took it.
  }
  for (size_t i = 0; i < children_.size(); ++i) {
    SupervisedChild& child = *children_[i];
    // Children that were added during the poll have no descriptors in it.
    const size_t at = 1 + 2 * i;
    if (at < polled.size()) {
      if (polled[at + 1].revents != 0) child.OnOutput();
      if (polled[at].revents != 0) child.OnExitFd(clock_.Now());
    }
    if (child.OnTimers(clock_.Now())) StartProbe(child);
  }
}

void Supervisor::StartProbe(SupervisedChild& child) {
  const int generation = child.generation();
  const bool posted = probes_.Post([this, &child, generation, probe = child.probe()] {
    const Result<void> answer = probe();
    {
      const std::lock_guard lock(mutex_);
      child.OnProbed(generation, answer, clock_.Now());
      changed_.notify_all();
    }
    Wake();
  });
  if (posted) return;
  const Error refused{ErrorCode::kOverloaded, "the probe could not be queued"};
  child.OnProbed(generation, refused, clock_.Now());
}

SupervisedChild* Supervisor::Find(const std::string& name) const {
  for (const auto& child : children_) {
    if (child->name() == name) return child.get();
  }
  return nullptr;
}

int Supervisor::PollTimeout() const {
  MonotonicTime next = MonotonicTime::max();
  for (const auto& child : children_) next = std::min(next, child->NextTimer());
  if (next == MonotonicTime::max()) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - clock_.Now());
  return static_cast<int>(std::clamp<int64_t>(wait.count(), 0, 60'000));
}

void Supervisor::Wake() {
  const uint64_t one = 1;
  // Cannot fail but for a full counter, and then the thread wakes anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace kubase::launcher
