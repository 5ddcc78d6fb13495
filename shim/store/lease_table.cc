// Expirations are kept in time order, so that looking for them costs only what has expired.
#include "shim/store/lease_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace kubase::store {
namespace {

// The largest time to live (limits.h) does not fit the clock's nanoseconds; a century is as good.
constexpr int64_t kCenturySeconds = 100LL * 365 * 24 * 3600;

std::chrono::seconds ClockTtl(int64_t ttl_seconds) {
  return std::chrono::seconds(std::min(ttl_seconds, kCenturySeconds));
}

}  // namespace

Result<void> LeaseTable::Load(sql::Connection& connection) {
  std::map<LeaseId, std::optional<int64_t>> leases;
  KUBASE_TRY(connection.Select(sql::Query::kListLeases, {}, [&](const sql::Row& row) {
    leases[row.Int(0)] = row.Int(1);
    return true;
  }));
  Apply(leases);
  return Ok();
}

bool LeaseTable::Exists(LeaseId id) const {
  std::lock_guard lock(mutex_);
  return leases_.contains(id);
}

void LeaseTable::Apply(const std::map<LeaseId, std::optional<int64_t>>& changes) {
  std::lock_guard lock(mutex_);
  for (const auto& [id, ttl_seconds] : changes) {
    if (auto found = leases_.find(id); found != leases_.end()) {
      Unschedule(id, found->second);
      Return(found->second);
      leases_.erase(found);
    }
    if (ttl_seconds) Schedule(id, leases_[id] = {*ttl_seconds, {}});
  }
}

std::optional<int64_t> LeaseTable::Renew(LeaseId id) {
  std::lock_guard lock(mutex_);
  auto found = leases_.find(id);
  if (found == leases_.end() || found->second.ends) return std::nullopt;
  Unschedule(id, found->second);
  Schedule(id, found->second);
  return found->second.granted_ttl_seconds;
}

std::optional<LeaseTable::Remaining> LeaseTable::TimeToLive(LeaseId id) const {
  std::lock_guard lock(mutex_);
  auto found = leases_.find(id);
  if (found == leases_.end()) return std::nullopt;
  const auto left = std::chrono::floor<std::chrono::seconds>(found->second.expires - clock_.Now());
  const int64_t granted = found->second.granted_ttl_seconds;
  return Remaining{granted > kCenturySeconds ? granted : std::max<int64_t>(left.count(), 0),
                   granted};
}

std::vector<LeaseId> LeaseTable::Ids() const {
  std::lock_guard lock(mutex_);
  std::vector<LeaseId> ids;
  ids.reserve(leases_.size());
  for (const auto& [id, lease] : leases_) ids.push_back(id);
  return ids;
}

bool LeaseTable::End(LeaseId id) {
  std::lock_guard lock(mutex_);
  auto found = leases_.find(id);
  if (found == leases_.end() || found->second.expires > clock_.Now()) return false;
  found->second.ends = true;
  return true;
}

std::vector<LeaseId> LeaseTable::TakeExpired(size_t taken_max) {
  std::lock_guard lock(mutex_);
  std::vector<LeaseId> ids;
  const MonotonicTime now = clock_.Now();
  for (auto it = expirations_.begin(); it != expirations_.end() && it->first <= now; ++it) {
    if (taken_ >= taken_max) break;
    Lease& lease = leases_.at(it->second);
    if (lease.taken) continue;
    lease.taken = true;
    ++taken_;
    ids.push_back(it->second);
  }
  return ids;
}

void LeaseTable::GiveBack(LeaseId id) {
  std::lock_guard lock(mutex_);
  if (auto found = leases_.find(id); found != leases_.end()) Return(found->second);
}

void LeaseTable::Return(Lease& lease) {
  if (std::exchange(lease.taken, false)) --taken_;
}

int64_t LeaseTable::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(leases_.size());
}

void LeaseTable::Schedule(LeaseId id, Lease& lease) {
  lease.expires = clock_.Now() + ClockTtl(lease.granted_ttl_seconds);
  expirations_.emplace(lease.expires, id);
}

void LeaseTable::Unschedule(LeaseId id, const Lease& lease) {
  const auto [begin, end] = expirations_.equal_range(lease.expires);
  for (auto it = begin; it != end; ++it) {
    if (it->second == id) {
      expirations_.erase(it);
      return;
    }
  }
}

}  // namespace kubase::store
