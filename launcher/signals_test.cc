// Real signals, in processes of their own.
#include "launcher/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <semaphore>

#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;

// A clock that tells how often it was read: once for each signal.
class CountingClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    const MonotonicTime now = clock_.Now();  // before anyone who waits can advance it
    ++reads_;
    read_.release();
    return now;
  }
  WallTime WallNow() const override { return clock_.WallNow(); }
  void Advance(std::chrono::nanoseconds by) { clock_.Advance(by); }
  bool WaitUntilRead() const { return read_.try_acquire_for(std::chrono::seconds(20)); }
  int reads() const { return reads_; }

 private:
  ManualClock clock_;
  mutable std::atomic<int> reads_{0};
  mutable std::counting_semaphore<> read_{0};
};

// Sends signals `apart` from one another, in a process of its own. The place of the first one that
// was taken for a repeated wish to stop; -1 when something did not come in time.
int FirstRepeated(int signals, milliseconds apart) {
  return InChild([=] {
    BlockSignals();
    CountingClock clock;
    std::counting_semaphore<> repeated(0);
    std::atomic<int> place = 0;
    const SignalWatcher watcher([] {},
                                [&] {
                                  int none = 0;
                                  place.compare_exchange_strong(none, clock.reads());
                                  repeated.release();
                                },
                                clock);
    for (int i = 0; i < signals; ++i) {
      clock.Advance(i + 1 < signals ? apart : SignalWatcher::kApart);
      ::kill(::getpid(), i % 2 == 0 ? SIGTERM : SIGINT);
      if (!clock.WaitUntilRead()) return -1;
    }
    return repeated.try_acquire_for(std::chrono::seconds(20)) ? place.load() : -1;
  });
}

TEST_CASE("SignalWatcher: a signal after the first one repeats the wish to stop") {
  CHECK(FirstRepeated(2, SignalWatcher::kApart) == 2);
}

TEST_CASE("SignalWatcher: signals at almost the same time are one wish to stop") {
  CHECK(FirstRepeated(4, SignalWatcher::kApart - milliseconds(1)) == 4);
}

TEST_CASE("Signals: restored, they end the process as ever") {
  CHECK(InChild([] {
          ::signal(SIGTERM, SIG_DFL);  // the test framework has a handler of its own
          BlockSignals();
          RestoreSignals();
          ::kill(::getpid(), SIGTERM);
          return 0;
        }) == -1);
}

}  // namespace
}  // namespace kubase::launcher
