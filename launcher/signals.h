// Signals as calls: a thread waits for them, so that no code ever runs inside a signal handler.
//
// Only for the verbs that run on: the others end at a Ctrl-C as every program does. Children get
// the default mask and handling back (process.h).
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "shim/base/clock.h"
#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// SIGPIPE: a client or a reader that goes away is an error of a write, no reason to end.
void IgnoreBrokenPipes();
// SIGTERM and SIGINT wait for a SignalWatcher, and SIGHUP is ignored: a terminal that closes is no
// reason to stop. Before any thread exists.
void BlockSignals();
// The opposite of both, before this process becomes another program.
void RestoreSignals();

class SignalWatcher {
 public:
  // Signals that come closer together are one wish to stop: timeout(1) sends each to the process
  // and to its group.
  static constexpr std::chrono::milliseconds kApart{250};

  // `first` runs at the first SIGTERM or SIGINT, `again` at each later one; on the watcher's
  // thread. `clock` must outlive it.
  SignalWatcher(std::function<void()> first, std::function<void()> again, const Clock& clock);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  void RunThread();

  const std::function<void()> first_;
  const std::function<void()> again_;
  const Clock& clock_;
  OwnedFd signals_;  // a signalfd
  OwnedFd quit_;     // an eventfd
  std::thread thread_;
};

}  // namespace kubase::launcher
