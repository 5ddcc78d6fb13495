// `kubase status`: asks the running kubase through its socket in the data directory.
#include <string>

#include "launcher/data_dir.h"
#include "launcher/status_table.h"
#include "launcher/verbs.h"
#include "web/status_client.h"
#include "web/status_json.h"

namespace kubase::launcher {
namespace {

constexpr std::chrono::seconds kTimeout{10};

bool IsReady(const web::ApplianceStatus& status) {
  for (const web::Check& check : status.checks) {
    if (!check.ok) return false;
  }
  return true;
}

}  // namespace

ExitCode RunStatus(const StatusFlags& flags, const Program& program) {
  const auto paths = ResolvePaths(flags.data_dir, program.user);
  if (!paths.ok()) return Fail(paths.error());
  const auto owner = FindOwner(*paths);
  if (!owner.ok()) return Fail(owner.error());
  if (!*owner) return FailNotRunning(paths->root);
  const auto reply = web::GetFromSocket(paths->control_socket, "/api/status", kTimeout);
  if (!reply.ok()) {
    return Fail(
        {reply.error().code, "kubase (process " + std::to_string(**owner) +
                                 ") does not tell its status yet: " + reply.error().message});
  }
  const auto status = web::StatusFromJson(reply->body);
  if (!status.ok()) return Fail(WithContext(status.error(), "cannot read the status"));
  const std::string text = flags.output == "json"
                               ? reply->body + "\n"
                               : RenderStatusTable(*status, SystemClock().WallNow());
  const ExitCode printed = Print(text);
  return IsReady(*status) ? printed : ExitCode::kFailure;
}

}  // namespace kubase::launcher
