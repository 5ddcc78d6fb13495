// Transactions, and when what was queued has to travel.
#include "shim/sql/postgres_connection.h"

#include <fmt/format.h>

#include <utility>

#include "shim/sql/match_statement.h"
#include "shim/sql/observed.h"
#include "shim/sql/postgres_dialect.h"

namespace kubase::sql {
namespace {

std::vector<PostgresValue> ValuesOf(Params params) {
  std::vector<PostgresValue> values;
  values.reserve(params.size());
  for (const Value& value : params) values.emplace_back(value);
  return values;
}

std::vector<PostgresValue> ArraysOf(Params rows, size_t columns) {
  std::vector<PostgresValue> arrays;
  arrays.reserve(columns);
  for (size_t i = 0; i < columns; ++i) arrays.emplace_back(rows, columns, i);
  return arrays;
}

PostgresStatement Statement(Query query) {
  return {QueryName(query), PostgresText(query)};
}

}  // namespace

Result<void> PostgresConnection::EnsureSession() {
  const bool fresh = IsFresh(shared_.options.pool, opened_);
  if (session_ != nullptr && session_->IsAlive() && fresh) return Ok();
  matching_.clear();
  session_.reset();
  opened_ = std::chrono::steady_clock::now();
  KUBASE_ASSIGN_OR_RETURN(session_, PostgresSession::Open(shared_.options));
  Result<void> checked = CheckServer(shared_.fence);
  if (!checked.ok()) session_.reset();
  return checked;
}

Result<void> PostgresConnection::Begin(Access access) {
  KUBASE_CHECK(!in_transaction_);
  KUBASE_TRY(EnsureSession());
  in_transaction_ = true;
  writes_ = access == Access::kWrite;
  if (access == Access::kRead) {
    session_->QueueCommand("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return Ok();
  }
  session_->QueueCommand("BEGIN");
  // While a connection that nobody hears of any more has the lock, nobody else can write.
  session_->QueueCommand("SET LOCAL idle_in_transaction_session_timeout = '3s'");
  const Value expected[] = {shared_.fence.epoch.load(), shared_.fence.writes.load()};
  Queue({"guard", kPostgresGuard}, expected);
  return Ok();
}

Result<void> PostgresConnection::Commit() {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.options.observer, "commit", [&](StatementRun&) -> Result<void> {
    session_->QueueCommand("COMMIT");
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

void PostgresConnection::Rollback() {
  if (!std::exchange(in_transaction_, false)) return;
  // By itself: behind a statement that fails it would not be done.
  if (session_->has_queued() && !session_->broken()) (void)session_->Send(statement_timeout_);
  if (!session_->broken()) {
    session_->QueueCommand("ROLLBACK");
    if (session_->Send(statement_timeout_).ok()) return;
  }
  session_.reset();  // the server undoes it
}

void PostgresConnection::Queue(const PostgresStatement& statement, Params params,
                               const PostgresSink& sink) {
  session_->Queue(statement, ValuesOf(params), sink);
}

Result<void> PostgresConnection::Run() {
  KUBASE_CHECK(!running_);  // who is given rows must not ask for others
  running_ = true;
  Result<void> done = session_->Run(statement_timeout_);
  running_ = false;
  return done;
}

Result<void> PostgresConnection::SelectText(std::string_view called,
                                            const PostgresStatement& statement, Params params,
                                            const RowSink& sink) {
  return Observed(shared_.options.observer, called, [&](StatementRun& run) -> Result<void> {
    if (!in_transaction_) KUBASE_TRY(EnsureSession());
    Queue(statement, params, {.rows = &sink, .row_count = &run.rows, .streamed = true});
    return Run();
  });
}

Result<void> PostgresConnection::Select(Query query, Params params, const RowSink& sink) {
  return SelectText(QueryName(query), Statement(query), params, sink);
}

Result<void> PostgresConnection::SelectMany(Query query, Params params, size_t columns,
                                            const RowSink& sink) {
  return Observed(shared_.options.observer, QueryName(query),
                  [&](StatementRun& run) -> Result<void> {
                    if (!in_transaction_) KUBASE_TRY(EnsureSession());
                    QueueMany(query, params, columns, {.rows = &sink, .row_count = &run.rows});
                    return Run();
                  });
}

Result<void> PostgresConnection::SelectMatching(const MatchShape& shape, Params params,
                                                const RowSink& sink) {
  if (!in_transaction_) KUBASE_TRY(EnsureSession());
  auto found = matching_.find(shape);
  if (found == matching_.end()) {
    if (matching_.size() >= kPreparedMatchesMax) {
      session_->QueueCommand("DEALLOCATE ALL");
      session_->ForgetPrepared();
      matching_.clear();
    }
    PostgresStatement statement{fmt::format("match_{}", ++next_match_), PostgresMatchText(shape)};
    found = matching_.emplace(shape, std::move(statement)).first;
  }
  return SelectText("match", found->second, params, sink);
}

Result<int64_t> PostgresConnection::Execute(Query query, Params params) {
  return Observed(shared_.options.observer, QueryName(query),
                  [&](StatementRun&) -> Result<int64_t> {
                    if (!in_transaction_) KUBASE_TRY(EnsureSession());
                    int64_t changed = 0;
                    Queue(Statement(query), params, {.changed = &changed});
                    KUBASE_TRY(Run());
                    return changed;
                  });
}

Result<void> PostgresConnection::ExecuteMany(Query query, Params params, size_t columns) {
  KUBASE_CHECK(in_transaction_);
  return Observed(shared_.options.observer, QueryName(query), [&](StatementRun&) -> Result<void> {
    QueueMany(query, params, columns);
    return Ok();
  });
}

void PostgresConnection::QueueMany(Query query, Params params, size_t columns,
                                   const PostgresSink& sink) {
  const std::string_view many = PostgresManyText(query);
  if (!many.empty() && params.size() > columns) {
    session_->Queue({fmt::format("{}_many", QueryName(query)), std::string(many)},
                    ArraysOf(params, columns), sink);
    return;
  }
  for (size_t first = 0; first < params.size(); first += columns) {
    Queue(Statement(query), params.subspan(first, columns), sink);
  }
}

Result<void> PostgresConnection::RunScript(const std::string& script) {
  KUBASE_TRY(EnsureSession());
  session_->QueueCommand("BEGIN");
  for (const std::string& statement : StatementsOf(script)) {
    session_->QueueCommand(statement.c_str());
  }
  session_->QueueCommand("COMMIT");
  in_transaction_ = true;
  const Result<void> done = Run();
  if (!done.ok()) Rollback();
  in_transaction_ = false;
  return done;
}

Result<void> PostgresConnection::Run(const std::string& text) {
  KUBASE_TRY(EnsureSession());
  session_->QueueCommand(text.c_str());
  return Run();
}

Result<int> PostgresConnection::Socket() {
  KUBASE_TRY(EnsureSession());
  return session_->socket();
}

Result<void> PostgresConnection::Read(const std::string& text, const RowSink& sink) {
  KUBASE_TRY(EnsureSession());
  return ReadInSession(text, sink);
}

Result<void> PostgresConnection::ReadInSession(const std::string& text, const RowSink& sink) {
  session_->QueueCommand(text.c_str(), {.rows = &sink});
  return Run();
}

}  // namespace kubase::sql
