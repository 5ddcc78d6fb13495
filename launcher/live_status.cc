// Translations from the parts' own words to those of the page.
#include "launcher/live_status.h"

#include <algorithm>
#include <utility>

#include "web/format.h"

namespace kubase::launcher {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kStorePatience{1'000};

seconds ToSeconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<seconds>(duration);
}

web::ProcessState ToWeb(ChildState state) {
  switch (state) {
    case ChildState::kStarting:
      return web::ProcessState::kStarting;
    case ChildState::kReady:
      return web::ProcessState::kReady;
    case ChildState::kNotReady:
      return web::ProcessState::kNotReady;
    case ChildState::kBackingOff:
      return web::ProcessState::kBackingOff;
    case ChildState::kStopped:
      return web::ProcessState::kStopped;
  }
  return web::ProcessState::kStopped;
}

web::ProcessStatus ToWeb(const ChildStatus& child) {
  web::ProcessStatus process{.name = child.name,
                             .state = ToWeb(child.state),
                             .pid = child.pid,
                             .restarts = child.restarts,
                             .rss_bytes = child.usage.rss_bytes,
                             .cpu_seconds = child.usage.cpu_seconds,
                             .running_for = ToSeconds(child.running_for),
                             .last_log_lines = child.last_lines};
  if (!child.last_exit.empty()) {
    process.last_exit =
        web::FormatDuration(ToSeconds(child.since_last_exit)) + " ago " + child.last_exit;
  }
  return process;
}

std::string DescribeNotReady(const ChildStatus& child) {
  switch (child.state) {
    case ChildState::kStarting:
      return "it is starting" + (child.problem.empty() ? "" : ": " + child.problem);
    case ChildState::kBackingOff:
      return child.last_exit + "; it will be restarted";
    case ChildState::kStopped:
      return "it was stopped";
    default:
      return child.problem;
  }
}

web::Check CheckComponent(const std::string& name, const std::vector<ChildStatus>& children) {
  const auto child = std::find_if(children.begin(), children.end(),
                                  [&name](const ChildStatus& c) { return c.name == name; });
  if (child == children.end()) return {.name = name, .problem = "it has not been started yet"};
  if (child->state == ChildState::kReady) return {.name = name, .ok = true};
  return {.name = name, .problem = DescribeNotReady(*child)};
}

web::DatabaseStatus DescribeDatabase(const Result<store::StoreStatus>& store,
                                     const Storage::RoleStatus& role, const std::string& problem,
                                     const std::string& location) {
  web::DatabaseStatus database{.name = "default", .location = location, .problem = problem};
  if (role.role == Storage::Role::kFollows) {
    database.leader = role.leader;
    database.reachable = role.problem.empty();
  }
  if (!store.ok()) return database;
  database.reachable = store->failure.empty();
  database.engine = store->engine;
  database.size_bytes = store->db_size_bytes;
  database.size_in_use_bytes = store->db_size_in_use_bytes;
  database.revision = store->revision;
  database.compact_revision = std::max<int64_t>(store->compact_revision, 0);  // -1: never
  return database;
}

bool HasLabel(const prometheus::ClientMetric& metric, const std::string& name,
              const std::string& value) {
  return std::any_of(metric.label.begin(), metric.label.end(),
                     [&](const auto& label) { return label.name == name && label.value == value; });
}

}  // namespace

web::Check CheckStore(const Result<store::StoreStatus>& store, const Storage::RoleStatus& role,
                      const std::function<Result<void>()>& reach_leader) {
  web::Check check{.name = "store"};
  if (role.role == Storage::Role::kFollows) {
    const Result<void> reached = role.problem.empty() ? reach_leader() : Ok();
    check.problem = reached.ok() ? role.problem : reached.error().message;
  } else if (!store.ok()) {
    check.problem = role.problem.empty() ? store.error().message : role.problem;
  } else if (!store->failure.empty()) {
    check.problem = store->failure;
  } else if (store->no_space) {
    check.problem = "the database or its disk is full; free some space and disarm the alarm";
  }
  check.ok = check.problem.empty();
  return check;
}

double RateMeter::Update(MonotonicTime now, int64_t total) {
  constexpr seconds kWindow{60};
  constexpr seconds kSpacing{1};
  if (samples_.empty() || now - samples_.back().time >= kSpacing) samples_.push_back({now, total});
  while (samples_.size() > 1 && now - samples_[1].time >= kWindow) samples_.pop_front();
  const std::chrono::duration<double> passed = now - samples_.front().time;
  if (passed < kSpacing) return 0;
  return static_cast<double>(total - samples_.front().total) / passed.count();
}

LiveStatus::LiveStatus(StatusFacts facts, Parts parts, const Clock& clock)
    : facts_(std::move(facts)), parts_(std::move(parts)), clock_(clock), start_(clock.Now()) {}

void LiveStatus::SetCertificates(std::vector<CertificateFile> certificates) {
  const std::lock_guard lock(mutex_);
  certificates_ = std::move(certificates);
}

web::ApplianceStatus LiveStatus::ReadStatus() {
  const auto store = parts_.storage.ReadStatus(kStorePatience);
  const Storage::RoleStatus role = parts_.storage.role();
  const web::Check store_check = ReadStoreCheck(store, role);
  const std::vector<ChildStatus> children = ReadChildren();
  web::ApplianceStatus status{
      .version = facts_.version,
      .kubernetes_version = facts_.kubernetes_version,
      .data_dir = facts_.data_dir,
      .server_url = facts_.server_url,
      .kubeconfig_path = facts_.kubeconfig_path,
      .uptime = ToSeconds(clock_.Now() - start_),
      .checks = MakeChecks(store_check, children),
      .databases = {DescribeDatabase(store, role, store_check.problem, facts_.database_location)},
      .traffic = ReadTraffic(store)};
  for (const ChildStatus& child : children) status.processes.push_back(ToWeb(child));
  for (const store::KindCount& kind : parts_.storage.CountKinds()) {
    status.kinds.push_back({kind.name, kind.count});
  }
  const std::lock_guard lock(mutex_);
  for (const CertificateFile& file : certificates_) {
    status.certificates.push_back({file.name, file.certificate.string(), file.not_after});
  }
  return status;
}

std::vector<web::Check> LiveStatus::ReadChecks() {
  const auto store = parts_.storage.ReadStatus(kStorePatience);
  return MakeChecks(ReadStoreCheck(store, parts_.storage.role()), ReadChildren());
}

web::Check LiveStatus::ReadStoreCheck(const Result<store::StoreStatus>& store,
                                      const Storage::RoleStatus& role) const {
  return CheckStore(store, role, [this] { return parts_.storage.ReachLeader(kStorePatience); });
}

std::vector<web::Check> LiveStatus::MakeChecks(web::Check store,
                                               const std::vector<ChildStatus>& children) const {
  std::vector<web::Check> checks = {std::move(store)};
  for (const std::string& component : facts_.components) {
    checks.push_back(CheckComponent(component, children));
  }
  if (parts_.policy != nullptr) {
    const PolicyStatus policy = parts_.policy->Status();
    checks.push_back({.name = "policy",
                      .ok = policy.settled,
                      .problem = policy.settled           ? ""
                                 : policy.problem.empty() ? "it has not been applied yet"
                                                          : policy.problem});
  }
  return checks;
}

std::vector<ChildStatus> LiveStatus::ReadChildren() const {
  return parts_.supervisor == nullptr ? std::vector<ChildStatus>()
                                      : parts_.supervisor->ReadStatus();
}

web::TrafficStatus LiveStatus::ReadTraffic(const Result<store::StoreStatus>& store) {
  web::TrafficStatus traffic;
  for (const prometheus::MetricFamily& family : parts_.registry.Collect()) {
    if (family.name != "grpc_server_handled_total") continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      const auto count = static_cast<int64_t>(metric.counter.value);
      traffic.requests_total += count;
      // A watch that its client ended was answered well.
      if (!HasLabel(metric, "grpc_code", "OK") && !HasLabel(metric, "grpc_code", "Canceled")) {
        traffic.requests_failed_total += count;
      }
    }
  }
  {
    const std::lock_guard lock(mutex_);
    traffic.requests_per_second = requests_.Update(clock_.Now(), traffic.requests_total);
  }
  if (store.ok()) {
    traffic.watchers = store->watchers;
    traffic.slow_watchers = store->slow_watchers;
    traffic.leases = store->leases;
  }
  return traffic;
}

}  // namespace kubase::launcher
