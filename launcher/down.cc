// `kubase down`: asks the kubase of a data directory to end and waits until it has.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/verbs.h"
#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

Error CannotSignal(pid_t pid, int cause) {
  const std::string who = "kubase (process " + std::to_string(pid) + ")";
  if (cause == EPERM) {
    return {ErrorCode::kPermissionDenied,
            who + " belongs to another user; run \"kubase down\" as that user or as root"};
  }
  return {ErrorCode::kInternal, "cannot stop " + who + ": " + std::strerror(cause)};
}

// SIGTERM to the kubase that holds the data directory, and its end within `timeout`. One that has
// ended already is fine.
Result<void> StopOwner(const DataPaths& paths, pid_t pid, std::chrono::milliseconds timeout) {
  const OwnedFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid() && errno == ESRCH) return Ok();
  if (!process.valid()) return CannotSignal(pid, errno);
  // It holds the lock still, so the descriptor is not that of another process with its number.
  KUBASE_ASSIGN_OR_RETURN(const auto owner, FindOwner(paths));
  if (owner != pid) return Ok();
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) != 0 && errno != ESRCH) {
    return CannotSignal(pid, errno);
  }
  pollfd ended{process.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(timeout.count())) == 1) return Ok();
  return Error{ErrorCode::kDeadlineExceeded,
               "kubase (process " + std::to_string(pid) + ") has not ended within " +
                   std::to_string(timeout.count() / 1000) +
                   " s; wait for it, or end it at once with \"kill -9 " + std::to_string(pid) +
                   "\", which loses nothing that was acknowledged"};
}

}  // namespace

ExitCode RunDown(const DownFlags& flags, const Program& program) {
  const auto paths = ResolvePaths(flags.data_dir, program.user);
  if (!paths.ok()) return Fail(paths.error());
  const auto timeout = ParseDuration(flags.timeout, "--timeout");
  if (!timeout.ok()) return Fail(timeout.error());
  const auto owner = FindOwner(*paths);
  if (!owner.ok()) return Fail(owner.error());
  if (!*owner) return FailNotRunning(paths->root);
  if (**owner == 0) {
    return Fail({ErrorCode::kUnavailable,
                 "kubase on " + paths->root.string() + " is just starting; try again in a moment"});
  }
  const auto stopped = StopOwner(*paths, **owner, *timeout);
  if (!stopped.ok()) return Fail(stopped.error());
  return Print("kubase on " + paths->root.string() + " has stopped; its data stays.\n");
}

}  // namespace kubase::launcher
