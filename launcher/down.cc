// `kubase down`: asks the kubase of a data directory to end and waits until it has.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/process.h"
#include "launcher/verbs.h"

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

// SIGTERM, and the end of the process within `timeout`. A process that has ended already is fine.
Result<void> StopProcess(pid_t pid, std::chrono::milliseconds timeout) {
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.is_open() && errno == ESRCH) return Ok();
  if (!process.is_open()) return CannotSignal(pid, errno);
  if (::kill(pid, SIGTERM) != 0 && errno != ESRCH) return CannotSignal(pid, errno);
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
  const auto stopped = StopProcess(**owner, *timeout);
  if (!stopped.ok()) return Fail(stopped.error());
  return Print("kubase on " + paths->root.string() + " has stopped; its data stays.\n");
}

}  // namespace kubase::launcher
