// LeaseTable: the leases that exist and when they run out.
//
// Existence and granted time are in the database; the remaining time is only here, on the monotonic
// clock, and starts anew with the process: a lease may live longer than asked for, never shorter.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// Any thread.
class LeaseTable final : public LeaseLookup {
 public:
  explicit LeaseTable(const Clock& clock) : clock_(clock) {}

  // Those that are stored.
  Result<void> Load(sql::Connection& connection);

  bool Exists(LeaseId id) const override;

  // What a committed batch changed: granted (time to live) or revoked (nullopt).
  void Apply(const std::map<LeaseId, std::optional<int64_t>>& changes);

  // Starts the time anew; the granted time to live, nullopt when there is no such lease or it ends.
  std::optional<int64_t> Renew(LeaseId id);

  struct Remaining {
    int64_t ttl_seconds;
    int64_t granted_ttl_seconds;
    bool operator==(const Remaining&) const = default;
  };
  std::optional<Remaining> TimeToLive(LeaseId id) const;

  std::vector<LeaseId> Ids() const;  // ascending
  // Whether its time is over. If so it cannot be renewed any more: who is told that it lives on
  // must not lose it to what is about to be committed (etcd server/lease/lessor.go, Renew).
  bool End(LeaseId id);
  // Those whose time is over and that are still here, without those that were taken before; as many
  // as make `taken_max` of both.
  std::vector<LeaseId> TakeExpired(size_t taken_max);
  // What became of one that was taken is known: if it is still here, it can be taken again.
  void GiveBack(LeaseId id);
  int64_t size() const;

 private:
  struct Lease {
    int64_t granted_ttl_seconds;
    MonotonicTime expires;
    bool ends = false;
    bool taken = false;
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<LeaseId, Lease> leases_;                    // guarded by mutex_
  std::multimap<MonotonicTime, LeaseId> expirations_;  // guarded by mutex_; one entry a lease
  size_t taken_ = 0;                                   // leases; guarded by mutex_
  void Schedule(LeaseId id, Lease& lease);             // mutex_ held
  void Unschedule(LeaseId id, const Lease& lease);     // mutex_ held
  void Return(Lease& lease);                           // mutex_ held
};

}  // namespace kubase::store
