// signalfd(2) and one thread.
#include "launcher/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "shim/base/executor.h"

namespace kubase::launcher {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void IgnoreBrokenPipes() {
  ::signal(SIGPIPE, SIG_IGN);
}

void BlockSignals() {
  const sigset_t signals = StopSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGHUP, SIG_IGN);
  // Who starts us may ignore it, and then the kernel keeps no status of children.
  ::signal(SIGCHLD, SIG_DFL);
}

void RestoreSignals() {
  const sigset_t signals = StopSignals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
}

SignalWatcher::SignalWatcher(std::function<void()> first, std::function<void()> again,
                             const Clock& clock)
    : first_(std::move(first)),
      again_(std::move(again)),
      clock_(clock),
      signals_([] {
        const sigset_t signals = StopSignals();
        return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
      }()),
      quit_(::eventfd(0, EFD_CLOEXEC)) {
  KUBASE_CHECK(signals_.valid() && quit_.valid());
  thread_ = std::thread([this] {
    NameThread("signals");
    RunThread();
  });
}

SignalWatcher::~SignalWatcher() {
  const uint64_t one = 1;
  KUBASE_CHECK(::write(quit_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

void SignalWatcher::RunThread() {
  std::optional<MonotonicTime> last;
  for (;;) {
    pollfd polled[] = {{signals_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}};
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) return;
    signalfd_siginfo signal;
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      const MonotonicTime now = clock_.Now();
      if (!last) {
        first_();
      } else if (now - *last >= kApart) {
        again_();
      }
      last = now;
    }
  }
}

}  // namespace kubase::launcher
