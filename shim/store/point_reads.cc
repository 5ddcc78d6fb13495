// A few trips are under way at a time; who comes meanwhile waits for the next.
#include "shim/store/point_reads.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <ranges>
#include <utility>

#include "shim/base/limits.h"
#include "shim/store/pairs.h"

namespace kubase::store {

void PointReads::Get(RangeRequest request, Callback<RangeResponse> done) {
  bool accepted = false, starts_trip = false;
  {
    const std::lock_guard lock(mutex_);
    accepted = waiting_.size() < limits::kReadQueueMax;
    if (accepted) waiting_.push_back({std::move(request), std::move(done)});
    starts_trip = accepted && trips_ < limits::kGetTripsMax;
    if (starts_trip) ++trips_;
  }
  if (!accepted) return done(kTooManyReads);
  if (starts_trip) AskForThread();
}

void PointReads::AskForThread() {
  if (readers_.Post([this](sql::Connection& connection) { Serve(connection); })) return;
  for (const Waiting& refused : TakeFirst()) refused.done(kTooManyReads);
  EndTrip();
}

void PointReads::EndTrip() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --trips_;
      return;
    }
  }
  AskForThread();
}

std::vector<PointReads::Waiting> PointReads::TakeFirst() {
  const std::lock_guard lock(mutex_);
  const size_t count = std::min(waiting_.size(), limits::kGetsTogetherMax);
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<Waiting> first(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return first;
}

std::vector<PointReads::Waiting> PointReads::TakeWanted() {
  std::vector<Waiting> gets = TakeFirst();
  const auto abandoned = std::ranges::stable_partition(
      gets, [](const Waiting& get) { return !get.request.IsAbandoned(); });
  for (const Waiting& get : abandoned) get.done(kAbandonedRead);
  gets.erase(abandoned.begin(), abandoned.end());
  return gets;
}

// One statement, hence one snapshot.
void PointReads::Serve(sql::Connection& connection) {
  const std::vector<Waiting> gets = TakeWanted();
  if (gets.empty()) return EndTrip();
  Found found;
  for (const Waiting& get : gets) found.emplace(get.request.range.key, nullptr);
  const Result<Revision> revision = Read(connection, found);
  EndTrip();
  for (const Waiting& get : gets) {
    if (!revision.ok()) {
      get.done(revision.error());
      continue;
    }
    get.done(AnswerGet(*revision, found.at(get.request.range.key)));
  }
}

Result<Revision> PointReads::Read(sql::Connection& connection, Found& found) {
  const Revision known = published_.get();
  Revision revision = 0;
  std::vector<sql::Value> keys;
  keys.reserve(found.size());
  for (const auto& [key, unknown] : found) keys.emplace_back(key);
  KUBASE_TRY(connection.SelectMany(sql::Query::kGetWithMeta, keys, 1, [&](const sql::Row& row) {
    revision = row.Int(0);
    if (row.IsNull(2)) return true;
    found.at(row.Bytes(2)) = std::make_shared<const KeyValue>(ParsePair(row, 2));
    return true;
  }));
  KUBASE_TRY(published_.Reach(revision, known));
  for (const auto& [key, pair] : found) pairs_.Learn(key, pair, revision);
  return revision;
}

}  // namespace kubase::store
