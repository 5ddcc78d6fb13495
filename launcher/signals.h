// Signals as calls: a thread waits for them, so that no code ever runs inside a signal handler.
//
// BlockSignals must come first in main, before any thread exists; children get the default mask
// back (process.h). SIGHUP and SIGPIPE are ignored: a terminal that closes and a client that goes
// away are no reason to stop.
#pragma once

#include <functional>
#include <thread>

#include "launcher/process.h"

namespace kubase::launcher {

void BlockSignals();
// The opposite, before this process becomes another program.
void RestoreSignals();

class SignalWatcher {
 public:
  // `first` runs at the first SIGTERM or SIGINT, `again` at each later one; on the watcher's
  // thread.
  SignalWatcher(std::function<void()> first, std::function<void()> again);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  void RunThread();

  const std::function<void()> first_;
  const std::function<void()> again_;
  FileDescriptor signals_;  // a signalfd
  FileDescriptor quit_;     // an eventfd
  std::thread thread_;
};

}  // namespace kubase::launcher
