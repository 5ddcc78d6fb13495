// `kubase kubeconfig`: prints the administrator's kubeconfig, or one for a user with a new
// certificate.
#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/files.h"
#include "launcher/kubeconfig_entries.h"
#include "launcher/pki.h"
#include "launcher/verbs.h"
#include "launcher/yaml_document.h"

namespace kubase::launcher {
namespace {

Error NoCluster(const DataPaths& paths) {
  return {ErrorCode::kNotFound, "there is no cluster in " + paths.root.string() +
                                    "; start one with \"kubase up\" or name another --data-dir"};
}

Result<std::string> ReadAdminKubeconfig(const DataPaths& paths) {
  auto text = ReadWholeFile(paths.admin_kubeconfig);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return NoCluster(paths);
  return text;
}

Result<IssuedCertificate> IssueFor(const KubeconfigFlags& flags, const DataPaths& paths) {
  KUBASE_ASSIGN_OR_RETURN(const auto valid_for, ParseDuration(flags.valid_for, "--valid-for"));
  return IssueClientCertificate(
      paths.pki_dir,
      {.user = flags.user,
       .groups = flags.groups,
       .valid_for = std::chrono::duration_cast<std::chrono::seconds>(valid_for)},
      SystemClock());
}

// The file is ours and so has one cluster, one user and one context.
void UseIdentity(YAML::Node& document, const std::string& user, const IssuedCertificate& issued) {
  const std::string context = document["current-context"].as<std::string>() + "-" + user;
  document["users"][0]["name"] = QuotedScalar(user);
  document["users"][0]["user"] = UserNode({.certificate = issued.certificate, .key = issued.key});
  document["contexts"][0]["name"] = QuotedScalar(context);
  document["contexts"][0]["context"]["user"] = QuotedScalar(user);
  document["current-context"] = QuotedScalar(context);
}

Result<std::string> MakeKubeconfig(const KubeconfigFlags& flags, const Program& program) {
  KUBASE_ASSIGN_OR_RETURN(const DataPaths paths, ResolvePaths(flags.data_dir, program.user));
  KUBASE_ASSIGN_OR_RETURN(const std::string admin, ReadAdminKubeconfig(paths));
  if (flags.user.empty() && flags.server.empty()) return admin;
  KUBASE_ASSIGN_OR_RETURN(YAML::Node document, ParseYaml(admin));
  try {
    if (!flags.server.empty()) {
      document["clusters"][0]["cluster"]["server"] = QuotedScalar(flags.server);
    }
    if (!flags.user.empty()) {
      KUBASE_ASSIGN_OR_RETURN(const IssuedCertificate issued, IssueFor(flags, paths));
      UseIdentity(document, flags.user, issued);
    }
  } catch (const YAML::Exception&) {
    return Error{ErrorCode::kCorrupt, paths.admin_kubeconfig.string() +
                                          " is damaged; start kubase again, which writes it anew"};
  }
  return EmitYaml(document);
}

}  // namespace

ExitCode RunKubeconfig(const KubeconfigFlags& flags, const Program& program) {
  if (flags.user.empty() && !flags.groups.empty()) {
    return Fail({ErrorCode::kInvalidArgument, "--group needs --user; say whose groups they are"});
  }
  const auto text = MakeKubeconfig(flags, program);
  if (!text.ok()) return Fail(text.error());
  return Print(*text);
}

}  // namespace kubase::launcher
