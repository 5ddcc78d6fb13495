// `kubase serve`: the etcd API of a database alone, with kine's flags, under somebody's own control
// plane. Runs in the foreground until a signal.
#include <prometheus/registry.h>

#include <cstdio>
#include <stop_token>
#include <utility>

#include "launcher/config.h"
#include "launcher/live_status.h"
#include "launcher/scheduling.h"
#include "launcher/service_manager.h"
#include "launcher/signals.h"
#include "launcher/storage.h"
#include "launcher/storage_roles.h"
#include "launcher/verbs.h"
#include "launcher/watchdog.h"
#include "shim/wire/server.h"
#include "web/status_server.h"

namespace kubase::launcher {
namespace {

using std::chrono::seconds;

constexpr seconds kDrain{5};  // for calls in flight, at the end

wire::ServerOptions MakeServerOptions(const ServeConfig& config) {
  wire::ServerOptions options{.listen_addresses = {config.listen_address},
                              .etcd_version = config.emulated_etcd_version};
  if (config.tls) {
    options.tls_certificate_file = config.tls->certificate;
    options.tls_key_file = config.tls->key;
    options.tls_client_ca_file = config.tls->client_ca;
  }
  return options;
}

class Shim {
 public:
  // All references must outlive it.
  Shim(const ServeConfig& config, const Program& program, const Clock& clock, Log& log)
      : config_(config),
        program_(program),
        clock_(clock),
        log_(log),
        registry_(std::make_shared<prometheus::Registry>()) {}
  ~Shim() { Stop(); }

  Result<void> Start() {
    auto server = wire::Server::Start(MakeServerOptions(config_), *registry_, log_, clock_);
    if (!server.ok() && server.error().code == ErrorCode::kAlreadyExists) {
      return Error{ErrorCode::kAlreadyExists,
                   server.error().message + "; choose a free address with --listen-address"};
    }
    if (!server.ok()) return std::move(server).error();
    server_ = std::move(server).value();
    const std::string reached_at = config_.advertise_address.empty() ? AdvertisedAddress(address())
                                                                     : config_.advertise_address;
    KUBASE_ASSIGN_OR_RETURN(storage_,
                            Storage::Open({.endpoint = config_.endpoint,
                                           .address = reached_at,
                                           .progress_interval = config_.progress_interval,
                                           .slow_sql_threshold = config_.slow_sql_threshold,
                                           .quota_bytes = config_.quota_bytes,
                                           .collects_garbage = config_.collects_garbage},
                                          RolesOf(*server_, kDrain), *registry_, clock_, log_));
    return config_.metrics_address ? StartStatusServer() : Ok();
  }

  // Returns when `stop` is triggered, or with the error of a store that refuses service for good.
  Result<void> WaitForEnd(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      KUBASE_TRY(storage_->WaitForFailure(stop, std::chrono::hours(1)));
    }
    return Ok();
  }

  void Stop() {
    if (storage_ != nullptr) storage_->Stop();
    if (server_ != nullptr) server_->Stop(seconds(0));
    if (status_server_ != nullptr) status_server_->Stop();
  }

  Result<void> CheckAlive(std::chrono::milliseconds timeout) {
    const SharedTime time(timeout, clock_);
    KUBASE_TRY(storage_->CheckAlive(time.left()));
    return server_->CheckAlive(time.left());
  }

  const std::string& address() const { return server_->addresses().front(); }
  std::string status_url() const { return status_server_ ? status_server_->url() : ""; }

 private:
  Result<void> StartStatusServer() {
    status_ = std::make_unique<LiveStatus>(
        StatusFacts{.version = program_.version.version,
                    .data_dir = config_.endpoint.sqlite_file.parent_path(),
                    .database_location = config_.endpoint.display},
        LiveStatus::Parts{*storage_, *registry_}, clock_);
    auto started = web::StatusServer::Start({.bind_address = config_.metrics_address->ToString(),
                                             .endpoints = {.version = program_.version.version,
                                                           .commit = program_.version.commit,
                                                           .allowed_hosts = config_.allowed_hosts,
                                                           .allowed_hosts_flag = kAllowedHostFlag}},
                                            {*status_}, *registry_, log_, clock_);
    if (!started.ok()) return WithContext(std::move(started).error(), "--metrics-bind-address");
    status_server_ = std::move(started).value();
    return Ok();
  }

  const ServeConfig& config_;
  const Program& program_;
  const Clock& clock_;
  Log& log_;
  std::shared_ptr<prometheus::Registry> registry_;  // shared: prometheus-cpp wants it so
  std::unique_ptr<wire::Server> server_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<LiveStatus> status_;
  std::unique_ptr<web::StatusServer> status_server_;
};

Result<void> RunWatched(Shim& shim, const std::stop_token& stop, Log& log) {
  const Watchdog watchdog(
      WatchdogPatience(),
      [&shim](std::chrono::milliseconds timeout) { return shim.CheckAlive(timeout); }, log);
  return shim.WaitForEnd(stop);
}

}  // namespace

ExitCode RunServe(const ServeFlags& flags, const Program& program) {
  const auto config = ValidateServe(flags, program.user);
  if (!config.ok()) return Fail(config.error());
  BlockSignals();
  LetRunningThreadsFinish();
  const SystemClock clock;
  const auto log = OpenLog({.format = config->log.format,
                            .level = config->log.verbose ? LogLevel::kDebug : LogLevel::kInfo});
  std::stop_source stop;
  // A second signal ends the process at once: what was acknowledged is on the disk.
  const SignalWatcher signals([&stop] { stop.request_stop(); }, [] { std::_Exit(1); }, clock);
  Shim shim(*config, program, clock, *log);
  const auto started = shim.Start();
  if (!started.ok()) return Fail(started.error());
  log->Info("serving", {{"address", shim.address()},
                        {"endpoint", config->endpoint.display},
                        {"status", shim.status_url()}});
  NotifyReady("serving " + shim.address());
  const auto ended = RunWatched(shim, stop.get_token(), *log);
  NotifyStopping();
  shim.Stop();
  log->Info("stopped");
  return ended.ok() ? ExitCode::kSuccess : Fail(ended.error());
}

}  // namespace kubase::launcher
