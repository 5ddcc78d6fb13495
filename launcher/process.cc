// Boost.Process starts the child; what it does not offer (death with the parent, closed
// descriptors, default signals and scheduling) is done between fork and exec, with calls that are
// safe there.
#include "launcher/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <boost/process/posix.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "launcher/scheduling.h"

namespace kubase::launcher {
namespace {

namespace bp = boost::process;

void EndAndReap(pid_t pid) {
  ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

class ChildSetup : public bp::extend::handler {
 public:
  // `environment`: each "NAME=value"; must outlive it. Boost's own environment reads beyond the end
  // of an entry that is shorter than the name it looks for.
  ChildSetup(pid_t parent, const std::vector<std::string>& environment) : parent_(parent) {
    for (const std::string& assignment : environment) {
      KUBASE_CHECK(assignment.find('=') != std::string::npos);
      environment_.push_back(const_cast<char*>(assignment.c_str()));  // as execve wants it
    }
    environment_.push_back(nullptr);
  }

  // Runs in the parent, before the fork.
  template <typename Executor>
  void on_setup(Executor& executor) {
    executor.env = environment_.data();
  }

  // Runs in the parent; Boost leaves a child whose exec failed as a zombie.
  template <typename Executor>
  void on_error(Executor& executor, const std::error_code&) const {
    if (executor.pid > 0) EndAndReap(executor.pid);
  }

  // Runs in the child between fork and exec: only async-signal-safe calls.
  template <typename Executor>
  void on_exec_setup(Executor&) const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have died between fork and prctl; then nobody would ever send the signal.
    if (::getppid() != parent_) ::_exit(127);
    UseOrdinaryScheduling();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int ignored : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) ::signal(ignored, SIG_DFL);
    // Close on exec rather than close: Boost reports a failed exec through a pipe of its own.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  }

 private:
  const pid_t parent_;
  std::vector<char*> environment_;
};

Error CannotStart(const std::string& executable, int cause) {
  const std::string what = executable + " could not be run: " + std::strerror(cause);
  switch (cause) {
    case ENOENT:
      return {ErrorCode::kNotFound, what + "; the file or its interpreter is missing"};
    case EACCES:
    case EPERM:
      return {ErrorCode::kPermissionDenied,
              what +
                  "; make it executable (chmod +x) and see that its file system is not mounted "
                  "noexec"};
    case ENOEXEC:
      return {ErrorCode::kInternal,
              what + "; the file is damaged or was built for another processor architecture"};
    default:
      return {ErrorCode::kInternal, what};
  }
}

}  // namespace

std::string ProcessExit::Describe() const {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    return "it was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  }
  return "it exited with status " + std::to_string(WEXITSTATUS(wait_status));
}

Process::Process(pid_t pid, OwnedFd exit_fd, OwnedFd output)
    : pid_(pid), exit_fd_(std::move(exit_fd)), output_(std::move(output)) {}

Result<Process> Process::Start(const ProcessSpec& spec) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return CannotStart(spec.executable, errno);
  OwnedFd output(pipe_ends[0]);
  const OwnedFd child_end(pipe_ends[1]);
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);

  std::error_code failure;
  bp::child child(bp::exe = spec.executable, bp::args = spec.arguments, bp::std_in < bp::null,
                  bp::posix::fd.bind(STDOUT_FILENO, child_end.get()),
                  bp::posix::fd.bind(STDERR_FILENO, child_end.get()),
                  ChildSetup(::getpid(), spec.environment), failure);
  if (failure) return CannotStart(spec.executable, failure.value());
  const pid_t pid = child.id();
  child.detach();

  OwnedFd exit_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_errno = errno;
  Process process(pid, std::move(exit_fd), std::move(output));
  if (!process.exit_fd_.valid()) {  // the destructor ends the child
    return Error{ErrorCode::kUnsupported,
                 std::string("cannot watch a child process: ") + std::strerror(pidfd_errno) +
                     "; kubase needs a Linux kernel of version 5.10 or newer"};
  }
  return process;
}

Process::~Process() {
  if (pid_.value == 0) return;
  Signal(SIGKILL);  // the whole group
  EndAndReap(pid_.value);
}

std::optional<ProcessExit> Process::TryReap() {
  if (pid_.value == 0) return std::nullopt;
  siginfo_t ended{};
  const int outcome =
      ::waitid(P_PID, static_cast<id_t>(pid_.value), &ended, WEXITED | WNOHANG | WNOWAIT);
  if (outcome != 0 || ended.si_pid == 0) return std::nullopt;
  // Before reaping: as long as the zombie is there, nobody else can have got its group's number.
  ::kill(-pid_.value, SIGKILL);
  int status = 0;
  ::waitpid(pid_.value, &status, 0);
  pid_.value = 0;
  return ProcessExit{status};
}

void Process::Signal(int signal) {
  if (pid_.value == 0) return;
  // The group exists only once the child has run setpgid; its own pid is valid from the start.
  if (::kill(-pid_.value, signal) != 0) ::kill(pid_.value, signal);
}

}  // namespace kubase::launcher
