// Access: the certificates and kubeconfigs of one appliance, made at the start and kept good while
// it runs.
//
// The components reload certificates from their files, so that a renewal needs no restart.
#pragma once

#include <optional>
#include <string>

#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/host.h"
#include "launcher/kubeconfig.h"
#include "launcher/pki.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Used by one thread.
class Access {
 public:
  // All references must outlive it.
  Access(const UpConfig& config, const HostUser& user, DataDir& data_dir, const Clock& clock,
         Log& log);

  // Makes what is missing, renews what is not good for long any more, and writes the kubeconfigs
  // inside the data directory. The number of certificates issued. Errors: those of EnsurePki and of
  // writing files.
  Result<int> Ensure();

  // Whether Merge could do it now: to be told before minutes of work rather than behind them.
  // Errors: those of CheckMergeContext.
  Result<void> CheckMerge() const;

  // Puts our context into the user's kubeconfig, after Ensure; nothing when that is not wanted.
  // Errors: those of MergeContext.
  Result<void> Merge();

  const Pki& pki() const { return pki_; }
  const std::optional<MergeOutcome>& merged() const { return merged_; }
  const std::string& server_url() const { return server_url_; }

 private:
  Result<void> WriteKubeconfigs();
  MergeRequest MakeMergeRequest(ClientAccess admin) const;

  const UpConfig& config_;
  const HostUser& user_;
  DataDir& data_dir_;
  const Clock& clock_;
  Log& log_;
  const std::string server_url_;
  Pki pki_;
  std::optional<MergeOutcome> merged_;
};

}  // namespace kubase::launcher
