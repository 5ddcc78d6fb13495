// Appliance: the object graph of `kubase up` and the order in which it comes up and goes down.
//
// Up: certificates, executables, etcd API on a unix socket, database, status server,
// kube-apiserver, then the policy, kube-controller-manager and kube-scheduler, then kubeconfigs.
// Down: the reverse, so that nobody ever talks to something that has gone. The data directory is
// locked by the caller.
#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "launcher/access.h"
#include "launcher/components.h"
#include "launcher/config.h"
#include "launcher/control_plane_image.h"
#include "launcher/data_dir.h"
#include "launcher/host.h"
#include "launcher/kube_client.h"
#include "launcher/live_preview.h"
#include "launcher/live_status.h"
#include "launcher/policy_applier.h"
#include "launcher/ports.h"
#include "launcher/progress.h"
#include "launcher/storage.h"
#include "launcher/supervisor.h"
#include "launcher/version.h"
#include "launcher/watchdog.h"
#include "shim/wire/server.h"
#include "web/status_server.h"

namespace kubase::launcher {

struct ApplianceOptions {
  UpConfig config;
  HostUser user;
  BuildVersion version;
  ControlPlaneImage image;
};

class Appliance {
 public:
  // All references must outlive it.
  Appliance(ApplianceOptions options, DataDir& data_dir, const Clock& clock, Log& log,
            Steps& steps);
  ~Appliance();  // as Stop
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  // Everything is ready when it returns; one step of progress for each part. After a failure call
  // Stop. Errors: one sentence with the fix; kCancelled by `stop`.
  Result<void> Start(std::stop_token stop);

  // Waits until `stop` is triggered (success) or the store refuses service for good (its error).
  // Renews certificates meanwhile.
  Result<void> WaitForEnd(std::stop_token stop);

  // Ends everything in order, within about a minute. Idempotent.
  void Stop();

  // Makes a Stop that runs now, or comes later, kill the components instead of waiting for them.
  // Any thread.
  void KillComponents() { supervisor_.KillAll(); }

  // The last words of the component that made Start fail; empty when none did.
  const std::vector<std::string>& last_lines() const { return last_lines_; }

  // What to tell the user once everything is ready: addresses and the commands to try next.
  std::string DescribeReady() const;

 private:
  Result<void> CheckPorts(std::stop_token stop);
  Result<void> MakeCertificates();
  Result<void> FindExecutables();
  Result<void> ListenForEtcd();
  Result<void> OpenStorage();
  Result<void> StartStatusServer();
  Result<void> StartApiServer(std::stop_token stop);
  Result<void> StartPolicyAndControllers(std::stop_token stop);
  void MergeKubeconfig();
  // Into the user's, when what is there is out of date.
  Result<void> MergeIfDue();
  Result<void> RenewCertificates();
  Result<void> CheckAlive(std::chrono::milliseconds timeout);

  ComponentsConfig MakeComponentsConfig() const;
  Result<void> StartComponent(const std::string& name, const ProcessSpec& process, int port,
                              std::chrono::milliseconds stop_timeout);
  Result<void> WaitReady(const std::string& component, std::stop_token stop);
  Result<void> WaitForPolicy(std::stop_token stop);
  std::vector<std::string> ComponentNames() const;
  KubeClientOptions ClientOptions(const std::string& host, int port,
                                  std::chrono::milliseconds timeout) const;
  std::string Command(const std::string& rest) const;

  const ApplianceOptions options_;
  const UpConfig& config_;  // of options_
  DataDir& data_dir_;
  const DataPaths& paths_;  // of data_dir_
  const Clock& clock_;
  Log& log_;
  Steps& steps_;

  // In the order in which they are made; each may use those above it.
  std::shared_ptr<prometheus::Registry> registry_;  // shared: prometheus-cpp wants it so
  std::optional<ReservedPort> controller_manager_port_;
  std::optional<ReservedPort> scheduler_port_;
  Access access_;
  bool merge_is_due_ = false;
  ControlPlaneBinaries binaries_;
  std::unique_ptr<wire::Server> etcd_server_;
  std::unique_ptr<Storage> storage_;
  Supervisor supervisor_;
  std::unique_ptr<KubeClient> api_client_;
  std::unique_ptr<PolicyApplier> policy_;
  std::unique_ptr<LiveStatus> status_;
  std::unique_ptr<LivePreview> previews_;
  std::unique_ptr<web::StatusServer> status_server_;
  std::unique_ptr<Watchdog> watchdog_;
  std::vector<std::string> last_lines_;
};

}  // namespace kubase::launcher
