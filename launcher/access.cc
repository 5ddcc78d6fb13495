// Puts pki.h and kubeconfig.h together for one appliance.
#include "launcher/access.h"

#include <utility>

#include "launcher/components.h"

namespace kubase::launcher {
namespace {

// Failed system calls name the file; here it is known which flag chose it.
Error ExplainMerge(Error error) {
  if (error.message.starts_with("cannot ")) {
    error.message += "; choose another file or none with --kubeconfig";
  }
  return error;
}

}  // namespace

Access::Access(const UpConfig& config, const HostUser& user, DataDir& data_dir, const Clock& clock,
               Log& log)
    : config_(config),
      user_(user),
      data_dir_(data_dir),
      clock_(clock),
      log_(log),
      server_url_(ServerUrl(config.bind_address, config.secure_port)) {}

Result<int> Access::Ensure() {
  KUBASE_ASSIGN_OR_RETURN(pki_, EnsurePki({.directory = data_dir_.paths().pki_dir,
                                           .service_cidr = kServiceCidr,
                                           .bind_address = config_.bind_address,
                                           .host_name = user_.host_name},
                                          clock_));
  int issued = 0;
  for (const CertificateFile& file : pki_.All()) {
    if (file.issued_because.empty()) continue;
    ++issued;
    log_.Info("issued a certificate", {{"name", file.name}, {"because", file.issued_because}});
    if (file.name == pki_.ca.name && file.issued_because != "new") {
      log_.Warning(
          "The certificate of the CA was renewed; kubeconfigs that were handed out are good until "
          "the one before ends, so hand them out again: kubase kubeconfig");
    }
  }
  KUBASE_TRY(WriteKubeconfigs());
  return issued;
}

Result<void> Access::WriteKubeconfigs() {
  const DataPaths& paths = data_dir_.paths();
  KUBASE_TRY(WriteComponentKubeconfig(paths.controller_manager_kubeconfig, server_url_, pki_.ca,
                                      pki_.controller_manager));
  KUBASE_TRY(
      WriteComponentKubeconfig(paths.scheduler_kubeconfig, server_url_, pki_.ca, pki_.scheduler));
  KUBASE_ASSIGN_OR_RETURN(const ClientAccess admin,
                          ReadClientAccess(server_url_, pki_.ca, pki_.admin));
  return WriteKubeconfig(paths.admin_kubeconfig, admin, ContextName(paths.root, user_),
                         user_.sudo_caller);
}

MergeRequest Access::MakeMergeRequest(ClientAccess admin) const {
  const std::filesystem::path& root = data_dir_.paths().root;
  return {.file = *config_.kubeconfig,
          .data_dir = root,
          .name = ContextName(root, user_),
          .access = std::move(admin),
          .switch_context = config_.switch_context,
          .owner = user_.sudo_caller};
}

Result<void> Access::CheckMerge() const {
  if (!config_.kubeconfig) return Ok();
  auto checked = CheckMergeContext(MakeMergeRequest({}));
  if (!checked.ok()) return ExplainMerge(std::move(checked).error());
  return Ok();
}

Result<void> Access::Merge() {
  if (!config_.kubeconfig) return Ok();
  // Written down first, so that a reset finds the context however this goes on.
  KUBASE_TRY(data_dir_.RecordOutside({OutsidePath::Kind::kKubeconfigContext, *config_.kubeconfig}));
  KUBASE_ASSIGN_OR_RETURN(ClientAccess admin, ReadClientAccess(server_url_, pki_.ca, pki_.admin));
  auto merged = MergeContext(MakeMergeRequest(std::move(admin)));
  if (!merged.ok()) return ExplainMerge(std::move(merged).error());
  merged_ = std::move(merged).value();
  return Ok();
}

}  // namespace kubase::launcher
