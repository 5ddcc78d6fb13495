// Transactions, and when what was queued has to travel.
#include "shim/sql/remote_connection.h"

#include <utility>

#include "shim/sql/observed.h"

namespace kubase::sql {
namespace {

// Whether a session that was opened then may be used on.
bool IsFresh(const PoolLimits& limits, std::chrono::steady_clock::time_point opened) {
  return limits.lifetime.count() == 0 ||
         std::chrono::steady_clock::now() - opened < limits.lifetime;
}

}  // namespace

Result<void> RemoteConnection::EnsureSession() {
  if (IsUsable() && IsFresh(shared_.pool, opened_)) return Ok();
  CloseSession();
  opened_ = std::chrono::steady_clock::now();
  KUBASE_TRY(OpenSession());
  Result<void> checked = CheckServer();
  if (!checked.ok()) CloseSession();
  return checked;
}

Result<void> RemoteConnection::CheckServer() {
  if (shared_.fence.epoch == kNoEpoch) return Ok();
  const int64_t known = shared_.fence.writes;
  int64_t stored = 0;
  KUBASE_TRY(ReadInSession(kReadWrites, [&](const Row& row) {
    stored = row.Int(0);
    return false;
  }));
  return stored >= known ? Ok() : Result<void>(kLedByAnother);
}

Result<void> RemoteConnection::Begin(Access access) {
  KUBASE_CHECK(!in_transaction_);
  KUBASE_TRY(EnsureSession());
  in_transaction_ = true;
  writes_ = access == Access::kWrite;
  QueueBegin(access);
  return Ok();
}

Result<void> RemoteConnection::Commit() {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.observer, "commit", [&](StatementRun&) -> Result<void> {
    QueueText("COMMIT", {});
    Result<void> done = RunQueued();
    if (done.ok()) {
      if (writes_) ++shared_.fence.writes;
      in_transaction_ = false;
      return done;
    }
    // What the server says is certain; a connection that broke may have carried the commit.
    if (!IsBroken()) return done;
    return Error{ErrorCode::kOutcomeUnknown, done.error().message};
  });
}

Result<void> RemoteConnection::SelectManyAndCommit(Query query, Params params, size_t columns,
                                                   const RowSink& sink) {
  KUBASE_CHECK(in_transaction_);
  int64_t rows = 0;
  QueueMany(query, params, columns, {.rows = &sink, .row_count = &rows});
  KUBASE_TRY(Commit());
  if (shared_.observer != nullptr) {
    shared_.observer->OnStatement({.name = QueryName(query), .rows = rows});
  }
  return Ok();
}

void RemoteConnection::Rollback() {
  if (std::exchange(in_transaction_, false)) Undo();
}

void RemoteConnection::Undo() {
  if (IsBroken() || !UndoInSession()) CloseSession();  // the server undoes it
}

Result<void> RemoteConnection::RunQueued() {
  KUBASE_CHECK(!running_);  // who is given rows must not ask for others
  running_ = true;
  Result<void> done = RunSession();
  running_ = false;
  return done;
}

template <typename Queue>
Result<void> RemoteConnection::Reading(std::string_view name, const RowSink& rows,
                                       const Queue& queue) {
  return Observed(shared_.observer, name, [&](StatementRun& run) -> Result<void> {
    if (!in_transaction_) KUBASE_TRY(EnsureSession());
    queue(StatementSink{.rows = &rows, .row_count = &run.rows});
    return RunQueued();
  });
}

Result<void> RemoteConnection::Select(Query query, Params params, const RowSink& sink) {
  return Reading(QueryName(query), sink,
                 [&](const StatementSink& to) { QueueOne(query, params, to); });
}

Result<void> RemoteConnection::SelectMany(Query query, Params params, size_t columns,
                                          const RowSink& sink) {
  return Reading(QueryName(query), sink,
                 [&](const StatementSink& to) { QueueMany(query, params, columns, to); });
}

Result<void> RemoteConnection::SelectMatching(const MatchShape& shape, Params params,
                                              const RowSink& sink) {
  return Reading("match", sink, [&](const StatementSink& to) { QueueMatching(shape, params, to); });
}

Result<int64_t> RemoteConnection::Execute(Query query, Params params) {
  return Observed(shared_.observer, QueryName(query), [&](StatementRun&) -> Result<int64_t> {
    if (!in_transaction_) KUBASE_TRY(EnsureSession());
    int64_t changed = 0;
    QueueOne(query, params, {.changed = &changed});
    KUBASE_TRY(RunQueued());
    return changed;
  });
}

Result<void> RemoteConnection::ExecuteMany(Query query, Params params, size_t columns) {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.observer, QueryName(query), [&](StatementRun&) -> Result<void> {
    QueueMany(query, params, columns, {});
    return Ok();
  });
}

Result<void> RemoteConnection::Run(const std::string& text) {
  KUBASE_TRY(EnsureSession());
  QueueText(text, {});
  return RunQueued();
}

Result<void> RemoteConnection::Read(const std::string& text, const RowSink& sink) {
  KUBASE_TRY(EnsureSession());
  return ReadInSession(text, sink);
}

Result<void> RemoteConnection::ReadInSession(const std::string& text, const RowSink& sink) {
  QueueText(text, {.rows = &sink});
  return RunQueued();
}

Result<std::optional<int64_t>> RemoteConnection::ReadNumber(const std::string& text) {
  std::optional<int64_t> number;
  KUBASE_TRY(Read(text, [&](const Row& row) {
    if (!row.IsNull(0)) number = row.Int(0);
    return false;
  }));
  return number;
}

Result<int> RemoteConnection::Socket() {
  KUBASE_TRY(EnsureSession());
  return SocketOfSession();
}

}  // namespace kubase::sql
