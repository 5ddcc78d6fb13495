// fork(2), setsid(2) and a pipe.
#include "launcher/detach.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace kubase::launcher {
namespace {

void LeaveTerminal() {
  ::setsid();
  [[maybe_unused]] const int changed = ::chdir("/");
  const OwnedFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null.get(), standard);
  }
}

}  // namespace

Result<Forked> ForkIntoBackground() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("cannot make a pipe: ") + std::strerror(errno)};
  }
  OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("cannot make a process for --detach: ") + std::strerror(errno)};
  }
  if (pid > 0) return Forked{pid, std::move(reader)};
  LeaveTerminal();
  return Forked{0, std::move(writer)};
}

Result<void> FollowProgress(const OwnedFd& pipe_end, ProgressSink& sink) {
  std::string received;
  std::string failure;  // empty: none so far
  for (;;) {
    for (size_t end = received.find('\n'); end != received.npos; end = received.find('\n')) {
      const auto event = ProgressFromJson(received.substr(0, end));
      received.erase(0, end + 1);
      if (!event.ok()) return event.error();
      sink.Show(*event);
      if (event->kind == ProgressEvent::Kind::kReady) return Ok();
      if (event->kind == ProgressEvent::Kind::kFailed) {
        failure = event->text;
      }
    }
    char buffer[4096];
    const ssize_t length = ::read(pipe_end.get(), buffer, sizeof buffer);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0 && !failure.empty()) return Error{ErrorCode::kInternal, failure};
    if (length <= 0) {
      return Error{ErrorCode::kUnavailable, "kubase ended while it was starting"};
    }
    received.append(buffer, static_cast<size_t>(length));
  }
}

}  // namespace kubase::launcher
