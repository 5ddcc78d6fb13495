// The leases of a store: their calls, and the thread that looks for those that have expired.
#include <algorithm>
#include <utility>

#include "shim/base/executor.h"
#include "shim/base/failpoint.h"
#include "shim/base/limits.h"
#include "shim/store/sql_store_calls.h"
#include "shim/store/txn.h"

namespace kubase::store {

void SqlStore::Grant(LeaseId id, int64_t ttl_seconds, Callback<LeaseGrantResponse> done) {
  if (ttl_seconds > limits::kLeaseTtlSecondsMax) {
    done(Error{ErrorCode::kLeaseTtlTooLarge, "the time to live of the lease is too large"});
    return;
  }
  if (!HasRoom(kLeaseSpaceCost, done)) return;
  const int64_t granted = std::max(ttl_seconds, limits::kLeaseTtlSecondsMin);
  SubmitWrite(std::move(done),
              [this, id, granted](WriteBatch& batch) mutable -> Result<LeaseGrantResponse> {
                if (id != 0 && batch.LeaseExists(id)) {
                  return Error{ErrorCode::kLeaseExists, "the lease exists already"};
                }
                while (id == 0 || batch.LeaseExists(id)) {
                  id = static_cast<LeaseId>(random_() >> 1);
                }
                batch.GrantLease(id, granted);
                return LeaseGrantResponse{batch.meta().revision, id, granted};
              });
}

void SqlStore::Revoke(LeaseId id, Callback<Revision> done) {
  SubmitWrite(std::move(done), [id](WriteBatch& batch) { return ApplyLeaseRevoke(batch, id); });
}

void SqlStore::KeepAlive(LeaseId id, Callback<LeaseKeepAliveResponse> done) {
  LeaseKeepAliveResponse response{.revision = current_revision(), .ttl_seconds = 0};
  response.ttl_seconds = leases_.Renew(id).value_or(0);
  if (!MemoryIsCurrent()) return done(kLeadNotCertain);
  done(response);
}

void SqlStore::TimeToLive(LeaseId id, bool with_keys, Callback<LeaseTimeToLiveResponse> done) {
  LeaseTimeToLiveResponse response{.revision = current_revision()};
  if (const auto remaining = leases_.TimeToLive(id); remaining) {
    response.ttl_seconds = remaining->ttl_seconds;
    response.granted_ttl_seconds = remaining->granted_ttl_seconds;
  }
  if (!MemoryIsCurrent()) return done(kLeadNotCertain);
  if (response.ttl_seconds < 0 || !with_keys) {
    done(std::move(response));
    return;
  }
  PostRead<LeaseTimeToLiveResponse>(
      std::move(done),
      [id, response](sql::Connection& connection) -> Result<LeaseTimeToLiveResponse> {
        LeaseTimeToLiveResponse full = response;
        const sql::Value params[] = {id};
        KUBASE_TRY(connection.Select(sql::Query::kLeaseKeys, params, [&](const sql::Row& row) {
          full.keys.emplace_back(row.Bytes(0));
          return true;
        }));
        return full;
      });
}

void SqlStore::List(Callback<std::vector<LeaseId>> done) {
  std::vector<LeaseId> ids = leases_.Ids();
  if (!MemoryIsCurrent()) return done(kLeadNotCertain);
  done(std::move(ids));
}

void SqlStore::RunLeaseKeeper() {
  NameThread("lease-keeper");
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, options_.lease_check_interval, [this] { return stopping_; })) {
    lock.unlock();
    for (const LeaseId id : leases_.TakeExpired(limits::kLeasesEndingMax)) {
      Reach(Failpoint::kLeaseExpired);
      RevokeExpired(id);
    }
    CountKindsIfDue();
    lock.lock();
  }
}

// Decided again on the writer's thread: a keep-alive may have come in between.
void SqlStore::RevokeExpired(LeaseId id) {
  SubmitWrite<Revision>(
      [this, id](Result<Revision> revoked) {
        leases_.GiveBack(id);
        if (revoked.ok() || revoked.error().code == ErrorCode::kLeaseNotFound) return;
        const auto unlogged = failed_revokes_.Note(revoked.error().code);
        if (!unlogged) return;
        log_.Warning("cannot revoke an expired lease; trying again",
                     {{"lease", id}, {"error", revoked.error().message}, {"unlogged", *unlogged}});
      },
      [this, id](WriteBatch& batch) -> Result<Revision> {
        if (!leases_.End(id)) return batch.meta().revision;
        return ApplyLeaseRevoke(batch, id);
      });
}

}  // namespace kubase::store
