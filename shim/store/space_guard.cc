// The costs are those of etcd's storage/quota.go.
#include "shim/store/space_guard.h"

#include <algorithm>
#include <chrono>
#include <variant>
#include <vector>

namespace kubase::store {
namespace {

constexpr int64_t kStoredPairOverheadBytes = 256;
// On a server each look is a round trip of the writer.
constexpr std::chrono::seconds kBetweenLooks{1};

int64_t SumOfCosts(const std::vector<Operation>& operations) {
  int64_t sum = 0;
  for (const Operation& operation : operations) {
    if (const auto* put = std::get_if<PutRequest>(&operation.request)) sum += SpaceCost(*put);
    if (const auto* nested = std::get_if<TxnRequest>(&operation.request)) sum += SpaceCost(*nested);
  }
  return sum;
}

}  // namespace

int64_t SpaceCost(const PutRequest& request) {
  return kStoredPairOverheadBytes + static_cast<int64_t>(request.key.size() + request.value.size());
}

int64_t SpaceCost(const TxnRequest& request) {
  return std::max(SumOfCosts(request.success), SumOfCosts(request.failure));
}

Result<void> SpaceGuard::Load(sql::Connection& connection) {
  return connection.Select(sql::Query::kListAlarms, {}, [&](const sql::Row& row) {
    if (row.Int(0) == static_cast<int64_t>(Alarm::kNoSpace)) alarm_raised_ = true;
    return true;
  });
}

// A size that cannot be read stays what it was: whoever writes hears of the trouble.
void SpaceGuard::Measure(sql::Database& database, sql::Connection& connection) {
  if (quota_bytes_ == 0) return;
  admitted_bytes_ = 0;
  const Result<sql::SpaceUsage> usage = database.ReadSpaceUsage(connection);
  if (usage.ok()) size_bytes_ = usage->total_bytes;
}

void SpaceGuard::MeasureIfDue(sql::Database& database, sql::Connection& connection) {
  const MonotonicTime now = clock_.Now();
  if (now < next_look_ && size_bytes_ + admitted_bytes_ < quota_bytes_) return;
  next_look_ = now + kBetweenLooks;
  Measure(database, connection);
}

SpaceGuard::Verdict SpaceGuard::Judge(int64_t cost_bytes) {
  if (cost_bytes == 0) return Verdict::kRoom;
  if (alarm_raised_) return Verdict::kAlarmRaised;
  if (quota_bytes_ == 0) return Verdict::kRoom;
  if (size_bytes_ + cost_bytes >= quota_bytes_) return Verdict::kQuotaExceeded;
  admitted_bytes_ += cost_bytes;
  return Verdict::kRoom;
}

}  // namespace kubase::store
