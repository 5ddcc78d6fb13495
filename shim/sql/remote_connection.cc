// Transactions, and when what was queued has to travel.
#include "shim/sql/remote_connection.h"

#include <utility>

namespace kubase::sql {
namespace {

// Whether a session that was opened then may be used on.
bool IsFresh(const PoolLimits& limits, std::chrono::steady_clock::time_point opened) {
  return limits.lifetime.count() == 0 ||
         std::chrono::steady_clock::now() - opened < limits.lifetime;
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  QueueText("COMMIT", Watched("commit"));
  Result<void> done = RunUnobserved();
  if (done.ok()) {
    if (writes_) ++shared_.fence.writes;
    in_transaction_ = false;
  } else if (IsBroken()) {
    // What the server says is certain; a connection that broke may have carried the commit.
    done = Error{ErrorCode::kOutcomeUnknown, done.error().message};
  }
  TellObserver(done);
  return done;
}

Result<void> RemoteConnection::SelectManyAndCommit(Query query, Params params, size_t columns,
                                                   const RowSink& sink) {
  KUBASE_CHECK(in_transaction_);
  QueueMany(query, params, columns, Watched(QueryName(query), {.rows = &sink}));
  return Commit();
}

void RemoteConnection::Rollback() {
  if (std::exchange(in_transaction_, false)) Undo();
}

void RemoteConnection::Undo() {
  if (IsBroken() || !UndoInSession()) CloseSession();  // the server undoes it
  watched_.clear();
}

Result<void> RemoteConnection::RunQueued() {
  Result<void> done = RunUnobserved();
  TellObserver(done);
  return done;
}

Result<void> RemoteConnection::RunUnobserved() {
  KUBASE_CHECK(!running_);  // who is given rows must not ask for others
  running_ = true;
  Result<void> done = RunSession();
  running_ = false;
  return done;
}

StatementSink RemoteConnection::Watched(std::string_view name, StatementSink sink) {
  if (shared_.observer == nullptr) return sink;
  sink.answer = std::make_shared<StatementAnswer>();
  watched_.push_back({name, std::chrono::steady_clock::now(), sink.answer});
  return sink;
}

// What no statement has answered, as the end of the connection, is told of the one that waited.
void RemoteConnection::TellObserver(const Result<void>& done) {
  bool error_told = done.ok();
  for (const Watch& watch : watched_) {
    const StatementAnswer& answer = *watch.answer;
    const bool is_waiting = &watch == &watched_.back() && !error_told && !answer.error;
    if (!answer.came && !is_waiting) continue;
    const Error* const error = is_waiting ? &done.error() : answer.error ? &*answer.error : nullptr;
    const double seconds = answer.came ? answer.seconds : SecondsSince(watch.queued);
    shared_.observer->OnStatement(
        {.name = watch.name, .seconds = seconds, .rows = answer.rows, .error = error});
    error_told = error_told || error != nullptr;
  }
  watched_.clear();
}

Result<void> RemoteConnection::Connected(std::string_view name) {
  if (in_transaction_) return Ok();
  const auto start = std::chrono::steady_clock::now();
  Result<void> connected = EnsureSession();
  if (!connected.ok() && shared_.observer != nullptr) {
    shared_.observer->OnStatement(
        {.name = name, .seconds = SecondsSince(start), .error = &connected.error()});
  }
  return connected;
}

template <typename Queue>
Result<void> RemoteConnection::Reading(std::string_view name, const RowSink& rows,
                                       const Queue& queue) {
  KUBASE_TRY(Connected(name));
  queue(Watched(name, {.rows = &rows}));
  return RunQueued();
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
  KUBASE_TRY(Connected(QueryName(query)));
  int64_t changed = 0;
  QueueOne(query, params, Watched(QueryName(query), {.changed = &changed}));
  KUBASE_TRY(RunQueued());
  return changed;
}

Result<void> RemoteConnection::ExecuteMany(Query query, Params params, size_t columns) {
  KUBASE_CHECK(in_transaction_);
  QueueMany(query, params, columns, Watched(QueryName(query)));
  return Ok();
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
