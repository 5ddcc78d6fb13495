// How the calls of a SqlStore get to the thread that serves them; for its own source files.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "shim/store/sql_store.h"

namespace kubase::store {

inline const Error kQuotaExceeded{ErrorCode::kNoSpace,
                                  "the database is as large as its quota allows"};
inline const Error kAlarmRaised{ErrorCode::kNoSpace,
                                "the NOSPACE alarm is raised; take it back first"};
// The one who asks again finds it renewed, or another leader.
inline const Error kLeadNotCertain{ErrorCode::kUnavailable,
                                   "the lead of the database has not been renewed in time"};

template <typename T, typename Read>
void SqlStore::PostRead(Callback<T> done, Read read) {
  const bool posted = readers_->Post(
      [done, read = std::move(read)](sql::Connection& connection) { done(read(connection)); });
  if (!posted) done(kTooManyReads);
}

template <typename Request, typename Response>
void SqlStore::SubmitRequest(Request request, Callback<Response> done,
                             Result<Response> (*rule)(WriteBatch&, Request)) {
  writer_->Submit(
      std::make_unique<RequestWrite<Request, Response>>(std::move(request), std::move(done), rule));
}

template <typename T, typename Apply>
void SqlStore::SubmitWrite(Callback<T> done, Apply apply) {
  writer_->Submit(std::make_unique<TypedWrite<T, Apply>>(std::move(done), std::move(apply)));
}

template <typename T>
bool SqlStore::FitsKeys(size_t longest, const Callback<T>& done) {
  const size_t max = database_.key_bytes_max();
  if (longest <= max) return true;
  done(Error{ErrorCode::kInvalidArgument,
             fmt::format("a key of {} bytes is too long for the indexes of {}; keep it within {}",
                         longest, database_.engine(), max)});
  return false;
}

template <typename T>
bool SqlStore::HasRoom(int64_t cost_bytes, const Callback<T>& done) {
  const SpaceGuard::Verdict verdict = space_.Judge(cost_bytes);
  if (verdict == SpaceGuard::Verdict::kAlarmRaised) done(kAlarmRaised);
  if (verdict == SpaceGuard::Verdict::kQuotaExceeded) {
    // Refused even if the alarm cannot be stored.
    RaiseNoSpace([done](const Result<Revision>&) { done(kQuotaExceeded); });
  }
  return verdict == SpaceGuard::Verdict::kRoom;
}

}  // namespace kubase::store
