// Supervisor: starts, watches, restarts and stops child processes. Knows processes, not Kubernetes.
//
// One thread forks all children and lives as long as the supervisor: children die with it (see
// process.h), so that a kubase that is killed with -9 leaves no orphan. Order is the caller's:
// start one child, wait until it is ready, start the next; stop them in the reverse order.
// Thread-safe.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "launcher/process_usage.h"
#include "launcher/supervised_child.h"
#include "shim/base/clock.h"
#include "shim/base/executor.h"
#include "shim/base/log.h"

namespace kubase::launcher {

struct ChildStatus {
  std::string name;
  ChildState state = ChildState::kStarting;
  int pid = 0;  // 0: not running
  int restarts = 0;
  ProcessUsage usage;
  std::chrono::nanoseconds running_for{0};
  std::string problem;  // what the probe found missing; empty: nothing
  // A clause with the likely cause and the fix where they are known: "it exited with status 1,
  // probably because the disk is full; free some space", "FILE could not be run: …". Empty: it
  // never ended.
  std::string last_exit;
  std::chrono::nanoseconds since_last_exit{0};
  std::vector<std::string> last_lines;  // oldest first, at most kStatusLines
};

class Supervisor {
 public:
  static constexpr size_t kStatusLines = 20;

  // `clock` and `log` must outlive the supervisor.
  Supervisor(const SupervisorOptions& options, const Clock& clock, Log& log);
  // Kills what still runs.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Adds a child and starts it; whether that succeeds is told by WaitReady. Fails when its log file
  // cannot be opened.
  Result<void> Start(ChildSpec spec);

  // Returns when the child is ready. Errors, each one sentence with the likely cause: kUnavailable
  // when it ended before it was ever ready, kDeadlineExceeded, kCancelled by `stop`.
  Result<void> WaitReady(const std::string& name, std::chrono::milliseconds timeout,
                         std::stop_token stop);

  // SIGTERM to all the named children at once, SIGKILL to each that needs longer than its time-out.
  // Returns when all have ended. Names that were never started are skipped.
  void Stop(const std::vector<std::string>& names);

  // SIGKILL to all children, and to those that are being stopped. Returns at once.
  void KillAll();

  std::vector<ChildStatus> ReadStatus() const;

  // Whether the thread works. Error: kDeadlineExceeded.
  Result<void> CheckAlive(std::chrono::milliseconds timeout);

 private:
  void RunThread();
  void HandleEvents(const std::vector<pollfd>& polled);
  void StartProbe(SupervisedChild& child);
  SupervisedChild* Find(const std::string& name) const;
  int PollTimeout() const;
  void Wake();
  Error DescribeFailedStart(const SupervisedChild& child) const;

  const SupervisorOptions options_;
  const Clock& clock_;
  Log& log_;
  OwnedFd wake_;  // an eventfd
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;                     // a turn, or some child's state
  std::vector<std::unique_ptr<SupervisedChild>> children_;  // guarded by mutex_
  bool quit_ = false;                                       // guarded by mutex_
  uint64_t turns_ = 0;                                      // of the thread; guarded by mutex_
  Executor probes_;
  std::thread thread_;
};

}  // namespace kubase::launcher
