// Detaching: a second process in the background that reports its progress to the first.
#pragma once

#include "launcher/progress.h"
#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct Forked {
  pid_t child = 0;   // 0: this is the child
  OwnedFd pipe_end;  // the parent's to read progress from, or the child's to write it to
};

// Forks; both processes return. The child leads a session of its own, works in / and has its
// standard descriptors on /dev/null. No thread may exist. Error: kUnavailable (no process can be
// made).
Result<Forked> ForkIntoBackground();

// Shows what comes through the pipe until the other process is ready (success) or has failed and
// ended.
// Errors: kInternal when the failure was shown; kUnavailable when the process ended without a word.
Result<void> FollowProgress(const OwnedFd& pipe_end, ProgressSink& sink);

}  // namespace kubase::launcher
