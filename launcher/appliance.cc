// The steps up and down; what each part does is in its own file.
#include "launcher/appliance.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "launcher/service_manager.h"
#include "launcher/storage_roles.h"

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kUsualStatusAddress = "127.0.0.1:6480";
// Generous: a slow disk and a slow processor are no failure; a component that ends is told at once.
constexpr seconds kReadyTimeout{120};
constexpr seconds kPolicyTimeout{20};
constexpr seconds kDrainTimeout{5};
// Between two looks at the certificates. They are good for months, but the clock may be set.
constexpr std::chrono::minutes kRenewalInterval{10};
// The children of a kubase that was killed end at once, but the kernel needs a moment for it.
constexpr milliseconds kOrphansEndWithin{3'000};
constexpr milliseconds kProbeTimeout{3'000};
constexpr milliseconds kApiTimeout{10'000};

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

// kube-controller-manager has no /readyz.
const char* ReadinessPath(const std::string& component) {
  return component == kControllerManager ? "/healthz" : "/readyz";
}

}  // namespace

Appliance::Appliance(ApplianceOptions options, DataDir& data_dir, const Clock& clock, Log& log,
                     Steps& steps)
    : options_(std::move(options)),
      config_(options_.config),
      data_dir_(data_dir),
      paths_(data_dir.paths()),
      clock_(clock),
      log_(log),
      steps_(steps),
      registry_(std::make_shared<prometheus::Registry>()),
      access_(config_, options_.user, data_dir_, clock, log),
      supervisor_(SupervisorOptions{}, clock, log) {}

Appliance::~Appliance() {
  Stop();
}

Result<void> Appliance::Start(std::stop_token stop) {
  KUBASE_TRY(CheckPorts(stop));
  KUBASE_TRY(access_.CheckMerge());
  KUBASE_TRY(MakeCertificates());
  KUBASE_TRY(FindExecutables());
  KUBASE_TRY(ListenForEtcd());
  KUBASE_TRY(OpenStorage());
  KUBASE_TRY(StartStatusServer());
  KUBASE_TRY(StartApiServer(stop));
  KUBASE_TRY(StartPolicyAndControllers(stop));
  MergeKubeconfig();
  NotifyReady("serving " + access_.server_url());
  watchdog_ = std::make_unique<Watchdog>(
      WatchdogPatience(), [this](milliseconds timeout) { return CheckAlive(timeout); }, log_);
  return Ok();
}

// The components have probes of their own and are restarted one by one.
Result<void> Appliance::CheckAlive(milliseconds timeout) {
  const SharedTime time(timeout, clock_);
  KUBASE_TRY(storage_->CheckAlive(time.left()));
  KUBASE_TRY(etcd_server_->CheckAlive(time.left()));
  return supervisor_.CheckAlive(time.left());
}

// Before anything is made: a port in use is the commonest reason why a start fails.
Result<void> Appliance::CheckPorts(std::stop_token stop) {
  KUBASE_TRY(WaitUntilPortIsFree(config_.bind_address, config_.secure_port, "--secure-port",
                                 kOrphansEndWithin, stop));
  if (config_.status_address && config_.status_address->port != 0) {
    KUBASE_TRY(CheckPortIsFree(config_.status_address->host, config_.status_address->port,
                               "--status-bind-address"));
  }
  KUBASE_ASSIGN_OR_RETURN(controller_manager_port_, ReservedPort::OnLoopback());
  KUBASE_ASSIGN_OR_RETURN(scheduler_port_, ReservedPort::OnLoopback());
  return Ok();
}

Result<void> Appliance::MakeCertificates() {
  steps_.Begin("certificates");
  KUBASE_ASSIGN_OR_RETURN(const int issued, access_.Ensure());
  steps_.Done(issued > 0 ? fmt::format("{} issued", issued) : "");
  return Ok();
}

Result<void> Appliance::FindExecutables() {
  steps_.Begin("Kubernetes executables");
  if (config_.control_plane_dir) {
    KUBASE_ASSIGN_OR_RETURN(binaries_, UseControlPlaneDir(*config_.control_plane_dir));
    if (config_.scheduler && binaries_.scheduler.empty()) {
      return Error{ErrorCode::kNotFound, "--scheduler needs kube-scheduler in " +
                                             config_.control_plane_dir->string() +
                                             "; put it there or leave the flag out"};
    }
    steps_.Done(config_.control_plane_dir->string());
    return Ok();
  }
  KUBASE_ASSIGN_OR_RETURN(binaries_, UnpackControlPlane(options_.image, paths_.bin_dir));
  steps_.Done(options_.version.kubernetes_version + (binaries_.unpacked_now ? ", unpacked" : ""));
  return Ok();
}

Result<void> Appliance::OpenStorage() {
  steps_.Begin("database");
  KUBASE_ASSIGN_OR_RETURN(
      storage_, Storage::Open({.endpoint = config_.endpoint,
                               .address = etcd_server_->addresses().front(),
                               .slow_sql_threshold = seconds(1),
                               .quota_bytes = config_.quota_bytes,
                               .collects_garbage = !config_.all_garbage_is_kubernetes},
                              RolesOf(*etcd_server_, kDrainTimeout), *registry_, clock_, log_));
  if (const auto role = storage_->role(); role.role == Storage::Role::kFollows) {
    steps_.Done(fmt::format("standing by; the kubase at {} leads", role.leader));
    return Ok();
  }
  KUBASE_ASSIGN_OR_RETURN(const store::StoreStatus status, storage_->ReadStatus(seconds(10)));
  steps_.Done(fmt::format("{}, revision {}", status.engine, status.revision));
  return Ok();
}

Result<void> Appliance::StartStatusServer() {
  steps_.Begin("status page");
  const std::string host = LocalAddress(config_.bind_address);
  api_client_ = MakeKubeClient(ClientOptions(host, config_.secure_port, kApiTimeout));
  policy_ = std::make_unique<PolicyApplier>(
      *api_client_, log_,
      PolicyApplierOptions{.choice = config_.skip_caching, .random_seed = std::random_device{}()});
  status_ = std::make_unique<LiveStatus>(
      StatusFacts{.version = options_.version.version,
                  .kubernetes_version = options_.version.kubernetes_version,
                  .data_dir = paths_.root,
                  .server_url = access_.server_url(),
                  .kubeconfig_path = paths_.admin_kubeconfig,
                  .database_location = config_.endpoint.display,
                  .components = ComponentNames()},
      LiveStatus::Parts{*storage_, *registry_, &supervisor_, policy_.get()}, clock_);
  status_->SetCertificates(access_.pki().All());
  web::StatusServerOptions options{
      .bind_address = config_.status_off       ? ""
                      : config_.status_address ? config_.status_address->ToString()
                                               : kUsualStatusAddress,
      .unix_socket = paths_.control_socket,
      .endpoints = {.version = options_.version.version,
                    .commit = options_.version.commit,
                    .kubernetes_version = options_.version.kubernetes_version,
                    .allowed_hosts = config_.allowed_hosts,
                    .allowed_hosts_flag = kAllowedHostFlag}};
  previews_ = std::make_unique<LivePreview>(*storage_);
  const web::Sources sources{*status_, previews_.get()};
  auto server = web::StatusServer::Start(options, sources, *registry_, log_, clock_);
  const bool may_move = !config_.status_address && !config_.status_off;
  if (!server.ok() && server.error().code == ErrorCode::kAlreadyExists && may_move) {
    options.bind_address = "127.0.0.1:0";
    server = web::StatusServer::Start(options, sources, *registry_, log_, clock_);
  }
  if (!server.ok()) return WithContext(std::move(server).error(), "--status-bind-address");
  status_server_ = std::move(server).value();
  steps_.Done(status_server_->url());
  return Ok();
}

Result<void> Appliance::ListenForEtcd() {
  steps_.Begin("etcd API");
  KUBASE_ASSIGN_OR_RETURN(
      etcd_server_,
      wire::Server::Start({.listen_addresses = {"unix://" + paths_.etcd_socket.string()},
                           .etcd_version = options_.version.etcd_version},
                          *registry_, log_, clock_));
  steps_.Done(Joined(etcd_server_->addresses()));
  return Ok();
}

Result<void> Appliance::StartApiServer(std::stop_token stop) {
  steps_.Begin(kApiServer);
  NotifyStatus("starting kube-apiserver");
  KUBASE_TRY(StartComponent(kApiServer, ApiServerProcess(MakeComponentsConfig()),
                            config_.secure_port, seconds(30)));
  KUBASE_TRY(WaitReady(kApiServer, stop));
  steps_.Done(access_.server_url());
  return Ok();
}

// These wait for one another only through the API, so they come up together.
Result<void> Appliance::StartPolicyAndControllers(std::stop_token stop) {
  const ComponentsConfig components = MakeComponentsConfig();
  steps_.Begin(kControllerManager);
  NotifyStatus("starting kube-controller-manager");
  if (components.whole_metadata_informers) {
    log_.Warning(
        "all garbage is left to kube-controller-manager, which keeps the metadata of all "
        "objects in memory for it",
        {{"why", *config_.all_garbage_is_kubernetes}});
  }
  policy_->Start();
  KUBASE_TRY(StartComponent(kControllerManager, ControllerManagerProcess(components),
                            components.controller_manager_port, seconds(10)));
  if (config_.scheduler) {
    KUBASE_TRY(StartComponent(kScheduler, SchedulerProcess(components), components.scheduler_port,
                              seconds(10)));
  }
  KUBASE_TRY(WaitReady(kControllerManager, stop));
  steps_.Done();
  if (config_.scheduler) {
    steps_.Begin(kScheduler);
    KUBASE_TRY(WaitReady(kScheduler, stop));
    steps_.Done();
  }
  return WaitForPolicy(stop);
}

// The cluster serves all the same when that is not possible at the moment.
void Appliance::MergeKubeconfig() {
  if (!config_.kubeconfig) return;
  steps_.Begin("kubeconfig");
  merge_is_due_ = true;
  if (const Result<void> merged = MergeIfDue(); !merged.ok()) {
    log_.Warning("cannot add this cluster to the user's kubeconfig; trying again",
                 {{"cause", merged.error().message}});
    return steps_.Done("not added: " + merged.error().message);
  }
  steps_.Done(fmt::format("context {} in {}{}", access_.merged()->context,
                          config_.kubeconfig->string(),
                          access_.merged()->is_current ? ", current" : ""));
}

Result<void> Appliance::MergeIfDue() {
  if (!merge_is_due_) return Ok();
  KUBASE_TRY(access_.Merge());
  merge_is_due_ = false;
  return Ok();
}

Result<void> Appliance::WaitForEnd(std::stop_token stop) {
  std::string told;
  while (!stop.stop_requested()) {
    KUBASE_TRY(storage_->WaitForFailure(stop, kRenewalInterval));
    if (stop.stop_requested()) break;
    const auto renewed = RenewCertificates();
    const std::string cause = renewed.ok() ? "" : renewed.error().message;
    if (!cause.empty() && cause != told) {
      log_.Error("cannot keep certificates and kubeconfigs up to date; trying again",
                 {{"cause", cause}});
    }
    told = cause;
  }
  return Ok();
}

Result<void> Appliance::RenewCertificates() {
  KUBASE_ASSIGN_OR_RETURN(const int issued, access_.Ensure());
  status_->SetCertificates(access_.pki().All());
  if (issued > 0) merge_is_due_ = true;
  return MergeIfDue();
}

void Appliance::Stop() {
  NotifyStopping();
  watchdog_.reset();
  if (policy_ != nullptr) policy_->Stop();
  supervisor_.Stop({kControllerManager, kScheduler});
  supervisor_.Stop({kApiServer});
  if (storage_ != nullptr) storage_->Stop();
  if (etcd_server_ != nullptr) etcd_server_->Stop(milliseconds(0));
  if (status_server_ != nullptr) status_server_->Stop();
}

std::string Appliance::DescribeReady() const {
  std::string text = fmt::format("\n  Kubernetes {:<13} {}\n", options_.version.kubernetes_version,
                                 access_.server_url());
  if (!status_server_->address().empty()) {
    text += fmt::format("  Status page              {}\n", status_server_->url());
  }
  text += fmt::format("  Data                     {}\n\n", paths_.root.string());
  const auto& merged = access_.merged();
  if (merged && !merged->is_current) {
    text += fmt::format("Your kubectl's current context stays {}; use --context {}.\n",
                        merged->other_current, merged->context);
  }
  text += "Try next:\n";
  for (const char* next : {"kubectl get namespaces", "status", "down"}) {
    text += "  " + Command(next) + "\n";
  }
  return text;
}

ComponentsConfig Appliance::MakeComponentsConfig() const {
  return {.binaries = binaries_,
          .paths = paths_,
          .pki = access_.pki(),
          .bind_address = config_.bind_address,
          .secure_port = config_.secure_port,
          .controller_manager_port = controller_manager_port_->port(),
          .scheduler_port = scheduler_port_->port(),
          .shares_database = config_.endpoint.sqlite_file.empty(),
          .whole_metadata_informers = config_.all_garbage_is_kubernetes.has_value(),
          .variables = options_.user.variables,
          .apiserver_flags = config_.apiserver_flags,
          .controller_manager_flags = config_.controller_manager_flags,
          .scheduler_flags = config_.scheduler_flags};
}

Result<void> Appliance::StartComponent(const std::string& name, const ProcessSpec& process,
                                       int port, milliseconds stop_timeout) {
  log_.Info("starting a component",
            {{"command", process.executable + " " + Joined(process.arguments)}});
  const std::string host = name == kApiServer ? LocalAddress(config_.bind_address) : "127.0.0.1";
  // shared: std::function wants what it holds to be copyable; the probe alone owns the client.
  const std::shared_ptr<KubeClient> client =
      MakeKubeClient(ClientOptions(host, port, kProbeTimeout));
  return supervisor_.Start({.name = name,
                            .process = process,
                            .probe = [client, path = ReadinessPath(name)]() -> Result<void> {
                              auto answer = client->GetText(path, {});
                              if (answer.ok()) return Ok();
                              return std::move(answer).error();
                            },
                            .log_file = paths_.log_dir / (name + ".log"),
                            .stop_timeout = stop_timeout});
}

Result<void> Appliance::WaitReady(const std::string& component, std::stop_token stop) {
  auto outcome = supervisor_.WaitReady(component, kReadyTimeout, stop);
  if (outcome.ok() || outcome.error().code == ErrorCode::kCancelled) return outcome;
  for (const ChildStatus& child : supervisor_.ReadStatus()) {
    if (child.name == component) last_lines_ = child.last_lines;
  }
  return outcome;
}

// An API without the policy serves as well as ever, so this is no reason not to start: the applier
// goes on trying, and the status says "Degraded" until it succeeds.
Result<void> Appliance::WaitForPolicy(std::stop_token stop) {
  steps_.Begin("admission policy");
  const MonotonicTime deadline = clock_.Now() + kPolicyTimeout;
  while (!policy_->WaitSettled(milliseconds(100))) {
    if (stop.stop_requested()) {
      return Error{ErrorCode::kCancelled, "stopped while the admission policy was applied"};
    }
    if (clock_.Now() < deadline) continue;
    const std::string problem = policy_->Status().problem;
    log_.Warning("the admission policy could not be applied yet", {{"problem", problem}});
    steps_.Done("not applied yet: " + problem);
    return Ok();
  }
  steps_.Done();
  return Ok();
}

std::vector<std::string> Appliance::ComponentNames() const {
  std::vector<std::string> names = {kApiServer, kControllerManager};
  if (config_.scheduler) names.push_back(kScheduler);
  return names;
}

KubeClientOptions Appliance::ClientOptions(const std::string& host, int port,
                                           milliseconds timeout) const {
  return {.host = host,
          .port = port,
          .ca = access_.pki().ca.certificate,
          .certificate = access_.pki().admin.certificate,
          .key = access_.pki().admin.key,
          .timeout = timeout};
}

// A command line of ours for this data directory.
std::string Appliance::Command(const std::string& rest) const {
  const auto usual = DefaultDataDir(options_.user);
  if (usual.ok() && *usual == paths_.root) return "kubase " + rest;
  const size_t verb_end = std::min(rest.find(' '), rest.size());
  return "kubase " + rest.substr(0, verb_end) + " --data-dir " + paths_.root.string() +
         rest.substr(verb_end);
}

}  // namespace kubase::launcher
