// SpaceGuard: whether a request that needs space may have it, by the NOSPACE alarm and the quota.
//
// Both are etcd's: the quota is held against the size of the database, free pages included, and who
// exceeds it raises the alarm. That stays, over restarts too, until somebody has made room
// (compaction, defragmentation) and takes it back.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"

namespace kubase::store {

// What etcd counts for a request against the quota, in bytes; 0: it needs no space.
int64_t SpaceCost(const PutRequest& request);
int64_t SpaceCost(const TxnRequest& request);  // of its dearer branch
inline constexpr int64_t kLeaseSpaceCost = 64;

// Any thread.
class SpaceGuard {
 public:
  enum class Verdict { kRoom, kAlarmRaised, kQuotaExceeded };

  // 0: the database may grow as large as its engine lets it. The clock must outlive it.
  SpaceGuard(int64_t quota_bytes, const Clock& clock) : quota_bytes_(quota_bytes), clock_(clock) {}

  // The alarm as it is stored.
  Result<void> Load(sql::Connection& connection);
  // Looks how large the database is; does nothing when there is no quota.
  void Measure(sql::Database& database, sql::Connection& connection);
  // Does so once a second, and whenever what had room since may have reached the quota. One thread.
  void MeasureIfDue(sql::Database& database, sql::Connection& connection);

  Verdict Judge(int64_t cost_bytes);

  int64_t quota_bytes() const { return quota_bytes_; }
  bool alarm_raised() const { return alarm_raised_; }
  void SetAlarmRaised(bool raised) { alarm_raised_ = raised; }

 private:
  const int64_t quota_bytes_;
  const Clock& clock_;
  MonotonicTime next_look_{};  // of who measures
  std::atomic<int64_t> size_bytes_{0};
  std::atomic<int64_t> admitted_bytes_{0};  // since that was so
  std::atomic<bool> alarm_raised_{false};
};

}  // namespace kubase::store
