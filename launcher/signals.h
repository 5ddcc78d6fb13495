// Signals as calls: a thread waits for them, so that no code ever runs inside a signal handler.
//
// BlockSignals must come first in main, before any thread exists; children get the default mask
// back (process.h). SIGHUP and SIGPIPE are ignored: a terminal that closes and a client that goes
// away are no reason to stop.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "launcher/process.h"
#include "shim/base/clock.h"

namespace kubase::launcher {

void BlockSignals();
// The opposite, before this process becomes another program.
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
  FileDescriptor signals_;  // a signalfd
  FileDescriptor quit_;     // an eventfd
  std::thread thread_;
};

}  // namespace kubase::launcher
