// The verbs: what each command of the command line does. Each prints its own result and returns the
// exit code; errors are one sentence on standard error.
#pragma once

#include <string>

#include "launcher/command_line.h"
#include "launcher/control_plane_image.h"
#include "launcher/flags.h"
#include "launcher/host.h"
#include "launcher/version.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Who runs this program and what it carries.
struct Program {
  HostUser user;
  BuildVersion version;
  ControlPlaneImage image;
};

// No thread may exist yet: `up --detach` forks.
ExitCode RunCommand(const Command& command, const Program& program);

// Of up.cc: starts a cluster and returns when it has ended; with --detach, when it is ready.
ExitCode RunUp(const UpFlags& flags, const Program& program);
// Of serve.cc: the etcd API alone, until a signal.
ExitCode RunServe(const ServeFlags& flags, const Program& program);
// Of down.cc.
ExitCode RunDown(const DownFlags& flags, const Program& program);
// Of status_verb.cc.
ExitCode RunStatus(const StatusFlags& flags, const Program& program);
// Of kubectl.cc: becomes kubectl, so it returns only on failure.
ExitCode RunKubectl(const KubectlFlags& flags, const Program& program);
// Of kubeconfig_verb.cc.
ExitCode RunKubeconfig(const KubeconfigFlags& flags, const Program& program);
// Of reset.cc.
ExitCode RunReset(const ResetFlags& flags, const Program& program);
// Of restore.cc.
ExitCode RunRestore(const RestoreFlags& flags, const Program& program);
// Of fsck.cc: kFailure when faults are left.
ExitCode RunFsck(const FsckFlags& flags, const Program& program);
// Of gc_verb.cc.
ExitCode RunGc(const GcFlags& flags, const Program& program);

// Writes to standard output; kFailure when nobody can read it (a full disk, a closed pipe).
ExitCode Print(const std::string& text);
// "error: MESSAGE" on standard error; the exit code that goes with the error.
ExitCode Fail(const Error& error);
// "No kubase runs on DIR…"; kNotRunning.
ExitCode FailNotRunning(const std::string& data_dir);

}  // namespace kubase::launcher
