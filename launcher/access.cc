// Puts pki.h and kubeconfig.h together for one appliance.
#include "launcher/access.h"

#include <utility>

#include "launcher/components.h"

namespace kubase::launcher {

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

Result<void> Access::Merge() {
  if (!config_.merge_kubeconfig) return Ok();
  if (config_.kubeconfig) {
    merged_file_ = *config_.kubeconfig;
  } else {
    KUBASE_ASSIGN_OR_RETURN(merged_file_, DefaultKubeconfigPath(user_));
  }
  // Written down first, so that a reset finds the context however this goes on.
  KUBASE_TRY(data_dir_.RecordOutside({OutsidePath::Kind::kKubeconfigContext, merged_file_}));
  const std::filesystem::path& root = data_dir_.paths().root;
  KUBASE_ASSIGN_OR_RETURN(ClientAccess admin, ReadClientAccess(server_url_, pki_.ca, pki_.admin));
  KUBASE_ASSIGN_OR_RETURN(merged_, MergeContext({.file = merged_file_,
                                                 .data_dir = root,
                                                 .name = ContextName(root, user_),
                                                 .access = std::move(admin),
                                                 .switch_context = config_.switch_context,
                                                 .owner = user_.sudo_caller}));
  return Ok();
}

}  // namespace kubase::launcher
