// Neither policy needs a privilege.
#include "launcher/scheduling.h"

#include <sched.h>

namespace kubase::launcher {
namespace {

void Use(int policy) {
  const sched_param none{};
  // Refused only where a sandbox forbids it; the old policy stays then.
  [[maybe_unused]] const int outcome = ::sched_setscheduler(0, policy, &none);
}

}  // namespace

void LetRunningThreadsFinish() {
  Use(SCHED_BATCH);
}

void UseOrdinaryScheduling() {
  Use(SCHED_OTHER);
}

}  // namespace kubase::launcher
