// `kubase gc preview`: asks the running kubase what a deletion would do.
#include <string>

#include "launcher/data_dir.h"
#include "launcher/preview_table.h"
#include "launcher/verbs.h"
#include "web/preview_query.h"
#include "web/status_client.h"

namespace kubase::launcher {
namespace {

// The server gives up before.
constexpr std::chrono::minutes kTimeout{3};

// "KIND/NAME", and the rest as the server understands it; so that what is refused here is what
// would be refused there.
Result<web::PreviewQuery> ToQuery(const GcFlags& flags) {
  const size_t slash = flags.object.find('/');
  if (slash == std::string::npos) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + flags.object + "\" is not of the form KIND/NAME, such as Deployment/web"};
  }
  return web::ParsePreviewQuery({{"kind", flags.object.substr(0, slash)},
                                 {"name", flags.object.substr(slash + 1)},
                                 {"namespace", flags.name_space},
                                 {"cascade", flags.cascade},
                                 {"limit", flags.limit}});
}

std::string FirstLine(const std::string& body) {
  return body.substr(0, body.find('\n'));
}

Result<std::string> Ask(const std::string& socket, const web::PreviewQuery& query) {
  KUBASE_ASSIGN_OR_RETURN(const web::StatusReply reply,
                          web::GetFromSocket(socket, web::PreviewTarget(query), kTimeout));
  if (reply.http_status == 200) return reply.body;
  return Error{reply.http_status == 400 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable,
               FirstLine(reply.body)};
}

}  // namespace

ExitCode RunGc(const GcFlags& flags, const Program& program) {
  const auto query = ToQuery(flags);
  if (!query.ok()) return Fail(query.error());
  const auto paths = ResolvePaths(flags.data_dir, program.user);
  if (!paths.ok()) return Fail(paths.error());
  const auto owner = FindOwner(*paths);
  if (!owner.ok()) return Fail(owner.error());
  if (!*owner) return FailNotRunning(paths->root);
  const auto body = Ask(paths->control_socket, *query);
  if (!body.ok()) return Fail(body.error());
  if (flags.output == "json") return Print(*body);
  const auto preview = web::PreviewFromJson(*body);
  if (!preview.ok()) return Fail(preview.error());
  return Print(RenderPreviewTable(*preview));
}

}  // namespace kubase::launcher
