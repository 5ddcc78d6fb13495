// Process: one running child with its output, started so that it can never become an orphan.
//
// The child leads a process group of its own (a Ctrl-C in the terminal reaches kubase only), dies
// by SIGKILL when the thread that started it ends, inherits no descriptor but its three standard
// ones, and has default signal handling. Linux only: pidfd and PR_SET_PDEATHSIG.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct ProcessSpec {
  std::string executable;                // a path; not searched for in PATH
  std::vector<std::string> arguments;    // without argv[0], which is the executable
  std::vector<std::string> environment;  // the whole of it, "NAME=value"
};

// How a process ended, as a clause: "it exited with status 1", "it was killed by signal 9 …".
struct ProcessExit {
  int wait_status = 0;  // as from waitpid
  std::string Describe() const;
};

class Process {
 public:
  // Must be called from a thread that lives as long as the child should. On failure nothing runs
  // and the message names the executable and the cause: kNotFound, kPermissionDenied, kInternal.
  static Result<Process> Start(const ProcessSpec& spec);

  // Kills and reaps a process that still runs.
  ~Process();
  Process(Process&& other) noexcept = default;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_.value; }
  // Becomes readable when the process has ended.
  int exit_fd() const { return exit_fd_.get(); }
  // Standard output and error, one after the other as written; non-blocking.
  // -1 once it was closed.
  int output_fd() const { return output_.get(); }
  void CloseOutput() { output_.Reset(); }

  // Set once the process has ended; it is reaped by the first call that says so, and whatever is
  // left of its process group is killed.
  std::optional<ProcessExit> TryReap();

  // To the whole process group; nothing happens after it was reaped.
  void Signal(int signal);

 private:
  // A pid that moves: the source must no longer kill anything in its destructor.
  struct OwnedPid {
    pid_t value = 0;  // 0: reaped or moved away
    explicit OwnedPid(pid_t pid) : value(pid) {}
    OwnedPid(OwnedPid&& other) noexcept : value(other.value) { other.value = 0; }
  };

  Process(pid_t pid, OwnedFd exit_fd, OwnedFd output);

  OwnedPid pid_;
  OwnedFd exit_fd_;
  OwnedFd output_;
};

}  // namespace kubase::launcher
