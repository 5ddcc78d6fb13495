// The roles of this process on its database, and whether its store is well.
#include "launcher/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <string_view>
#include <utility>

#include "shim/base/process_identity.h"

namespace kubase::launcher {
namespace {

constexpr std::chrono::seconds kHealthCheckInterval{5};
constexpr std::chrono::seconds kHealthCheckTimeout{30};
// After a store that could not be opened or served.
constexpr std::chrono::seconds kRetryPause{1};

bool IsSilence(const Error& error) {
  return error.code == ErrorCode::kDeadlineExceeded || error.code == ErrorCode::kOverloaded;
}

// Why this process cannot forward to a leader that lives; empty: it can.
std::string WhyUnreachable(const sql::LeaderRecord& leader, const std::string& own_address) {
  constexpr std::string_view kUnix = "unix://";
  const bool is_socket = leader.address.starts_with(kUnix);
  std::error_code error;
  if (is_socket && (IsOfAnotherBoot(leader.process) ||
                    !std::filesystem::exists(leader.address.substr(kUnix.size()), error))) {
    return fmt::format(
        "the kubase that leads the database is reached at {} alone, which is not on this machine; "
        "to share a database, run kubase serve there, with a --listen-address that this machine "
        "reaches",
        leader.address);
  }
  if (leader.address.empty() || leader.address != own_address) return "";
  return fmt::format(
      "another kubase leads the database, and names as its address the one of this process, {}; "
      "give each of them {}",
      leader.address,
      is_socket ? "a data directory of its own" : "an --advertise-address of its own");
}

void Sleep(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock lock(mutex);
  never_notified.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

template <typename T, typename Ask>
Result<T> Storage::Await(std::chrono::milliseconds timeout, const std::string& who, Ask ask) {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) {
    const RoleStatus now = role();
    return Error{ErrorCode::kLeaderChanged,
                 now.role == Role::kFollows
                     ? fmt::format("this kubase stands by; the one at {} leads", now.leader)
                     : "no kubase leads the database at the moment"};
  }
  // shared: this call and the store's callback, which may come after the call gave up, own it.
  auto answer = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = answer->get_future();
  ask([answer](Result<T> result) { answer->set_value(std::move(result)); });
  if (future.wait_for(timeout) == std::future_status::ready) return future.get();
  return Error{ErrorCode::kDeadlineExceeded,
               who + " did not answer within " + std::to_string(timeout.count()) + " ms"};
}

Storage::Storage(const StorageOptions& options, StorageRoles roles, prometheus::Registry& registry,
                 const Clock& clock, Log& log)
    : options_(options),
      roles_(std::move(roles)),
      registry_(registry),
      clock_(clock),
      log_(log.WithComponent("store")),
      statement_metrics_(registry, clock, *log_,
                         options.slow_sql_threshold.count() > 0 ? options.slow_sql_threshold
                                                                : std::chrono::hours(24 * 365)),
      is_leader_(prometheus::BuildGauge()
                     .Name("etcd_server_is_leader")
                     .Help("Whether this process leads its database, and serves it itself")
                     .Register(registry)
                     .Add({})),
      leader_changes_(prometheus::BuildCounter()
                          .Name("etcd_server_leader_changes_seen_total")
                          .Help("How often another process was seen to lead the database")
                          .Register(registry)
                          .Add({})) {}

Storage::~Storage() {
  Stop();
}

Result<std::unique_ptr<Storage>> Storage::Open(const StorageOptions& options, StorageRoles roles,
                                               prometheus::Registry& registry, const Clock& clock,
                                               Log& log) {
  std::unique_ptr<Storage> storage(new Storage(options, std::move(roles), registry, clock, log));
  KUBASE_ASSIGN_OR_RETURN(storage->database_,
                          OpenDatabase(options.endpoint, &storage->statement_metrics_));
  storage->election_ = std::make_unique<store::LeaderElection>(
      store::LeaderElectionOptions{.address = options.address}, *storage->database_, clock,
      *storage->log_);
  std::future<Result<void>> settled = storage->settled_->get_future();
  storage->thread_ =
      std::jthread([raw = storage.get()](std::stop_token stop) { raw->RunRoles(std::move(stop)); });
  KUBASE_TRY(settled.get());
  return storage;
}

void Storage::RunRoles(std::stop_token stop) {
  while (election_->Campaign(stop, [this](const auto& seen) { Observe(seen); })) {
    leader_.reset();
    const Result<void> led = Lead(stop);
    election_->GiveUp();
    Settle(led);
    if (led.ok()) continue;
    log_->Error("cannot serve the database; trying again", {{"cause", led.error().message}});
    SetRole({.problem = led.error().message});
    Sleep(stop, kRetryPause);
  }
  roles_.wait();  // what it followed
  Settle(Error{ErrorCode::kCancelled, "stopped while the database was opened"});
}

void Storage::Observe(const Result<sql::LeaderRecord>& seen) {
  RoleStatus now = role();
  if (!seen.ok()) {
    if (now.problem.empty()) {
      log_->Warning("the lead of the database can neither be seen nor taken",
                    {{"cause", seen.error().message}});
    }
    now.problem = seen.error().message;
    SetRole(std::move(now));
    return Settle(seen.error());
  }
  // Of a process that was here before, which will not answer, or of one that has gone with its
  // machine: this one takes over. Or one that serves nobody.
  const std::string unreachable = WhyUnreachable(*seen, options_.address);
  const bool nowhere = seen->address.empty() || !unreachable.empty();
  if (leader_ && leader_->term == seen->term) {
    now.problem.clear();
    if (!unreachable.empty() && leader_->renewals != seen->renewals) {
      now.problem = unreachable;
      Settle(Error{ErrorCode::kAlreadyExists, now.problem});
    }
    return SetRole(std::move(now));
  }
  leader_changes_.Increment();
  log_->Info("another kubase leads the database; standing by", {{"leader", seen->address}});
  leader_ = *seen;
  if (nowhere) {
    roles_.wait();
    return SetRole({});
  }
  const Result<void> followed = roles_.follow(*seen);
  if (!followed.ok()) leader_.reset();  // to be tried again
  SetRole({.role = followed.ok() ? Role::kFollows : Role::kWaits,
           .leader = seen->address,
           .problem = followed.ok() ? "" : followed.error().message});
  Settle(followed);
}

Result<void> Storage::Lead(std::stop_token stop) {
  roles_.wait();
  SetRole({});
  KUBASE_TRY(OpenStore());
  const Result<void> served = roles_.lead(*store_, election_->term());
  if (served.ok()) {
    log_->Info("leads the database", {{"revision", store_->current_revision()}});
    SetRole({.role = Role::kLeads});
    Settle(Ok());
  }
  const bool lost = served.ok() && election_->WaitUntilLost(std::move(stop));
  CloseStore(lost);
  return served;
}

Result<void> Storage::OpenStore() {
  store::SqlStoreOptions options{.quota_bytes = options_.quota_bytes,
                                 .leader_lease = &election_->lease(),
                                 .lead_lost = [this] { election_->NoteLost(); },
                                 .served_revision = served_revision_,
                                 .collects_garbage = options_.collects_garbage};
  if (options_.progress_interval.count() > 0) {
    options.progress_interval = options_.progress_interval;
  }
  KUBASE_ASSIGN_OR_RETURN(auto opened,
                          store::SqlStore::Open(options, *database_, registry_, clock_, *log_));
  const std::unique_lock lock(store_mutex_);
  store_ = std::move(opened);
  return Ok();
}

void Storage::CloseStore(bool lost) {
  if (lost) {
    log_->Warning("the lead of the database is lost");
    store_->LoseLead();
  }
  SetRole({});
  store_->PrepareStop();
  roles_.wait();
  store_->Stop();  // who waits for it is answered
  served_revision_ = std::max(served_revision_, store_->current_revision());
  const std::unique_lock lock(store_mutex_);
  store_.reset();
}

void Storage::SetRole(RoleStatus role) {
  is_leader_.Set(role.role == Role::kLeads ? 1 : 0);
  const std::lock_guard lock(mutex_);
  role_ = std::move(role);
}

Storage::RoleStatus Storage::role() const {
  const std::lock_guard lock(mutex_);
  return role_;
}

void Storage::Settle(const Result<void>& result) {
  if (settled_) settled_->set_value(result);
  settled_.reset();
}

Result<store::StoreStatus> Storage::ReadStatus(std::chrono::milliseconds timeout) {
  return Await<store::StoreStatus>(
      timeout, "the database",
      [this](store::Callback<store::StoreStatus> done) { store_->Status(std::move(done)); });
}

std::vector<store::KindCount> Storage::CountKinds() const {
  const std::shared_lock lock(store_mutex_);
  return store_ == nullptr ? std::vector<store::KindCount>() : store_->CountKinds();
}

Result<store::DeletionPreview> Storage::PreviewDeletion(store::PreviewRequest request,
                                                        std::chrono::milliseconds timeout) {
  return Await<store::DeletionPreview>(
      timeout, "the database", [&](store::Callback<store::DeletionPreview> done) {
        store_->PreviewDeletion(std::move(request), std::move(done));
      });
}

Result<void> Storage::CheckAlive(std::chrono::milliseconds timeout) {
  if (GivesSpaceBack()) return Ok();
  const auto read = ReadStatus(timeout / 2);
  if (!read.ok() && IsSilence(read.error())) return GivesSpaceBack() ? Ok() : read.error();
  // An empty transaction goes through the writer and changes nothing.
  const auto written = Await<store::TxnResponse>(
      timeout / 2, "the writer of the database",
      [this](store::Callback<store::TxnResponse> done) { store_->Txn({}, std::move(done)); });
  if (written.ok() || !IsSilence(written.error()) || GivesSpaceBack()) return Ok();
  return written.error();
}

bool Storage::GivesSpaceBack() const {
  const std::shared_lock lock(store_mutex_);
  return store_ != nullptr && store_->gives_space_back();
}

Result<void> Storage::WaitForFailure(std::stop_token stop, std::chrono::milliseconds timeout) {
  const MonotonicTime deadline = clock_.Now() + timeout;
  while (clock_.Now() < deadline) {
    Sleep(stop, kHealthCheckInterval);
    if (stop.stop_requested()) return Ok();
    const auto status = ReadStatus(kHealthCheckTimeout);
    if (status.ok() && status->broken) {
      return Error{ErrorCode::kCorrupt, "the store has failed: " + status->failure};
    }
  }
  return Ok();
}

void Storage::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace kubase::launcher
