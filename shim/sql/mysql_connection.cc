// Transactions, and when what was queued has to travel.
#include "shim/sql/mysql_connection.h"

#include <fmt/format.h>

#include <utility>

#include "shim/sql/mysql_dialect.h"
#include "shim/sql/observed.h"

namespace kubase::sql {

Result<void> MysqlConnection::EnsureSession() {
  // All connections go to one node: two that change a row on two nodes are in each other's way.
  const bool fits = session_ != nullptr && session_->host() == shared_.host &&
                    servers_left_ == shared_.servers_left;
  if (fits && session_->IsAlive() && IsFresh(options_.pool, opened_)) return Ok();
  session_.reset();
  servers_left_ = shared_.servers_left;
  opened_ = std::chrono::steady_clock::now();
  KUBASE_ASSIGN_OR_RETURN(session_, MysqlSession::Open(options_, options_.database, shared_.host));
  Result<void> checked = CheckServer(shared_.fence);
  if (!checked.ok()) session_.reset();
  return checked;
}

Result<void> MysqlConnection::Begin(Access access) {
  KUBASE_CHECK(!in_transaction_);
  KUBASE_TRY(EnsureSession());
  in_transaction_ = true;
  writes_ = access == Access::kWrite;
  if (access == Access::kRead) {
    session_->Queue("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    session_->Queue("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    return Ok();
  }
  session_->Queue("START TRANSACTION");
  const Value expected[] = {shared_.fence.epoch.load(), shared_.fence.writes.load()};
  session_->Queue(Render(kMysqlGuard, expected));
  return Ok();
}

Result<void> MysqlConnection::Commit() {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.options.observer, "commit", [&](StatementRun&) -> Result<void> {
    session_->Queue("COMMIT");
    Result<void> done = Run();
    if (done.ok()) {
      if (writes_) ++shared_.fence.writes;
      in_transaction_ = false;
      return done;
    }
    // What the server says is certain; a connection that broke may have carried the commit.
    if (!session_->broken()) return done;
    return Error{ErrorCode::kOutcomeUnknown, done.error().message};
  });
}

void MysqlConnection::Rollback() {
  if (!std::exchange(in_transaction_, false)) return;
  if (!session_->broken()) {
    session_->Forget();
    session_->Queue("ROLLBACK");
    if (Run().ok()) return;
  }
  session_.reset();  // the server undoes it
}

Result<void> MysqlConnection::Run() {
  KUBASE_CHECK(!running_);  // who is given rows must not ask for others
  running_ = true;
  Result<void> done = session_->Run();
  running_ = false;
  if (!done.ok() && session_->read_only() && servers_left_ == shared_.servers_left) {
    ++shared_.servers_left;
  }
  return done;
}

Result<void> MysqlConnection::SelectText(std::string_view called, std::string text,
                                         const RowSink& sink) {
  return Observed(shared_.options.observer, called, [&](StatementRun& run) -> Result<void> {
    if (!in_transaction_) KUBASE_TRY(EnsureSession());
    session_->Queue(std::move(text), {.rows = &sink, .row_count = &run.rows});
    return Run();
  });
}

Result<void> MysqlConnection::Select(Query query, Params params, const RowSink& sink) {
  return SelectText(QueryName(query), Render(MysqlText(query), params), sink);
}

Result<void> MysqlConnection::SelectMany(Query query, Params params, size_t columns,
                                         const RowSink& sink) {
  return Observed(shared_.options.observer, QueryName(query),
                  [&](StatementRun& run) -> Result<void> {
                    if (!in_transaction_) KUBASE_TRY(EnsureSession());
                    for (std::string& text : RenderMany(query, params, columns)) {
                      session_->Queue(std::move(text), {.rows = &sink, .row_count = &run.rows});
                    }
                    return Run();
                  });
}

Result<void> MysqlConnection::SelectMatching(const MatchShape& shape, Params params,
                                             const RowSink& sink) {
  return SelectText("match", Render(MysqlMatchText(shape), params), sink);
}

Result<int64_t> MysqlConnection::Execute(Query query, Params params) {
  return Observed(shared_.options.observer, QueryName(query),
                  [&](StatementRun&) -> Result<int64_t> {
                    if (!in_transaction_) KUBASE_TRY(EnsureSession());
                    int64_t changed = 0;
                    session_->Queue(Render(MysqlText(query), params), {.changed = &changed});
                    KUBASE_TRY(Run());
                    return changed;
                  });
}

Result<void> MysqlConnection::ExecuteMany(Query query, Params params, size_t columns) {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.options.observer, QueryName(query), [&](StatementRun&) -> Result<void> {
    for (std::string& text : RenderMany(query, params, columns)) {
      session_->Queue(std::move(text));
    }
    return Ok();
  });
}

Result<void> MysqlConnection::RunAll(const std::vector<std::string>& statements) {
  KUBASE_TRY(EnsureSession());
  for (const std::string& statement : statements) session_->Queue(statement);
  return Run();
}

Result<int> MysqlConnection::Socket() {
  KUBASE_TRY(EnsureSession());
  return session_->socket();
}

Result<void> MysqlConnection::Read(const std::string& text, const RowSink& sink) {
  KUBASE_TRY(EnsureSession());
  return ReadInSession(text, sink);
}

Result<void> MysqlConnection::ReadInSession(const std::string& text, const RowSink& sink) {
  session_->Queue(text, {.rows = &sink});
  return Run();
}

Result<void> MysqlConnection::Check(std::string_view check, std::string_view table,
                                    std::vector<std::string>& damages) {
  const RowSink sink = [&](const Row& row) {  // table, operation, kind of message, message
    if (row.Bytes(2) == "error" || (row.Bytes(2) == "status" && row.Bytes(3) != "OK")) {
      damages.push_back(fmt::format("the table {}: {}", table, row.Bytes(3)));
    }
    return true;
  };
  Result<void> checked = Read(fmt::format("{} {}", check, table), sink);
  if (checked.ok() || checked.error().code != ErrorCode::kCorrupt) return checked;
  damages.push_back(fmt::format("the table {}: {}", table, checked.error().message));
  return Ok();
}

}  // namespace kubase::sql
