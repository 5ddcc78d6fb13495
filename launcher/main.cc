// kubase: parses the command line and runs the verb; no logic of its own.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "launcher/command_line.h"
#include "launcher/embedded_control_plane.h"
#include "launcher/file_limit.h"
#include "launcher/host.h"
#include "launcher/signals.h"
#include "launcher/verbs.h"
#include "launcher/version.h"
#include "shim/base/failpoint.h"

namespace launcher = kubase::launcher;

int main(int argc, char** argv) {
  const launcher::ParsedCommandLine parsed =
      launcher::ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.command) {
    const bool is_error = parsed.exit_code != launcher::ExitCode::kSuccess;
    std::fprintf(is_error ? stderr : stdout, "%s%s\n", is_error ? "error: " : "",
                 parsed.text.c_str());
    return static_cast<int>(parsed.exit_code);
  }
  if (const char* failpoints = std::getenv("KUBASE_FAILPOINTS"); failpoints != nullptr) {
    if (const auto armed = kubase::ArmFailpoints(failpoints); !armed.ok()) {
      return static_cast<int>(launcher::Fail(armed.error()));
    }
  }
  launcher::IgnoreBrokenPipes();
  launcher::RaiseFileLimit();
  const launcher::ControlPlaneImage image = launcher::EmbeddedControlPlane();
  launcher::BuildVersion version = launcher::ReadBuildVersion();
  version.has_control_plane = !image.compressed.empty();
  return static_cast<int>(
      launcher::RunCommand(*parsed.command, {launcher::ReadHostUser(), version, image}));
}
