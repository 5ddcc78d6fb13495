// The times of both sides are explained in the header; everything else is in the database.
#include "shim/store/leader_election.h"

#include <fmt/format.h>

#include <utility>

#include "shim/base/executor.h"
#include "shim/base/process_identity.h"

namespace kubase::store {
namespace {

// After a renewal that failed: often enough to be in time for the lease.
constexpr std::chrono::milliseconds kRetryInterval{200};

// With a server that says nothing: in time for the lease, too.
constexpr std::chrono::seconds kPatience{2};

bool SameLead(const sql::LeaderRecord& a, const sql::LeaderRecord& b) {
  return a.term == b.term && a.renewals == b.renewals;
}

}  // namespace

LeaderElection::LeaderElection(LeaderElectionOptions options, sql::Database& database,
                               const Clock& clock, Log& log)
    : options_(std::move(options)),
      database_(database),
      clock_(clock),
      log_(log),
      process_(options_.process.empty() ? OwnProcessIdentity() : options_.process),
      lease_(clock) {}

LeaderElection::~LeaderElection() {
  GiveUp();
}

bool LeaderElection::Campaign(std::stop_token stop, const Observer& observer) {
  while (!stop.stop_requested()) {
    const Result<sql::LeaderRecord> seen = Look();
    if (seen.ok() && MayTake(*seen)) {
      const Result<void> taken = Take(*seen);
      if (taken.ok()) return true;
      log_.Info("the lead of the database could not be taken", {{"cause", taken.error().message}});
      // Else another was sooner, whom the next look shows.
      if (taken.error().code != ErrorCode::kLeaderChanged) observer(taken.error());
    } else {
      observer(seen);
    }
    Wait(stop, options_.look_interval);
  }
  return false;
}

Result<void> LeaderElection::TakeUnlessAlive() {
  for (std::optional<sql::LeaderRecord> first;; Wait({}, options_.look_interval)) {
    KUBASE_ASSIGN_OR_RETURN(const sql::LeaderRecord seen, Look());
    if (MayTake(seen)) return Take(seen);
    if (first && !SameLead(*first, seen)) {
      return Error{ErrorCode::kLeaderChanged,
                   fmt::format("another kubase leads the database (it serves {}); stop it first",
                               seen.address)};
    }
    first = seen;
  }
}

Result<sql::LeaderRecord> LeaderElection::Look() {
  Result<sql::LeaderRecord> seen = sql::LeaderRecord{};
  if (connection_ == nullptr && database_.IsRemote()) {
    auto connected = database_.Connect(sql::Access::kWrite, kPatience);
    if (connected.ok()) {
      connection_ = std::move(connected).value();
    } else {
      seen = connected.error();
    }
  }
  if (connection_ != nullptr) seen = database_.ReadLeader(*connection_);
  // A leader that could not be watched may have been alive.
  if (!seen.ok()) {
    candidate_for_.reset();
  } else if (!candidate_for_ || !SameLead(*candidate_for_, *seen)) {
    candidate_for_ = *seen;
    unchanged_since_ = clock_.NowWithSleep();
  }
  return seen;
}

bool LeaderElection::MayTake(const sql::LeaderRecord& record) const {
  return record.term == 0 || record.process == process_ || HasEnded(record.process) ||
         clock_.NowWithSleep() - unchanged_since_ >= options_.takeover_after;
}

Result<void> LeaderElection::Take(const sql::LeaderRecord& seen) {
  {
    const std::lock_guard lock(mutex_);
    lost_ = ending_ = false;
  }
  if (!database_.IsRemote()) {
    lease_.NeverEnds();
    leads_ = true;
    return Ok();
  }
  const MonotonicTime start = clock_.NowWithSleep();
  KUBASE_ASSIGN_OR_RETURN(term_,
                          database_.TakeLead(*connection_, seen, process_, options_.address));
  lease_.ExtendTo(start + options_.lease_duration);
  candidate_for_.reset();
  leads_ = true;
  renewing_ = std::thread([this] { KeepRenewing(); });
  return Ok();
}

void LeaderElection::KeepRenewing() {
  NameThread("leader-lease");
  bool renewed = true;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, renewed ? options_.renew_interval : kRetryInterval,
                            [this] { return ending_; })) {
    lock.unlock();
    const MonotonicTime start = clock_.NowWithSleep();
    const Result<void> done = database_.RenewLead(*connection_);
    const bool lost = !done.ok() && done.error().code == ErrorCode::kLeaderChanged;
    if (done.ok()) lease_.ExtendTo(start + options_.lease_duration);
    if (lost) lease_.End();
    if (!done.ok() && renewed) {
      log_.Warning("the lead of the database could not be renewed",
                   {{"cause", done.error().message}});
    }
    renewed = done.ok();
    lock.lock();
    lost_ = lost_ || lost;
    changed_.notify_all();
    if (lost) return;
  }
}

void LeaderElection::NoteLost() {
  lease_.End();
  {
    const std::lock_guard lock(mutex_);
    lost_ = true;
  }
  changed_.notify_all();
}

bool LeaderElection::WaitUntilLost(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [this] { return lost_; });
}

void LeaderElection::GiveUp() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (renewing_.joinable()) renewing_.join();
  lease_.End();
  if (!std::exchange(leads_, false) || connection_ == nullptr) return;
  if (const Result<void> done = database_.GiveUpLead(*connection_); !done.ok()) {
    log_.Warning("the lead of the database could not be given up; others wait until it has run out",
                 {{"cause", done.error().message}});
  }
}

void LeaderElection::Wait(std::stop_token stop, std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace kubase::store
