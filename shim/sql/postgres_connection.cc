// What is sent to PostgreSQL: prepared statements, in the pipeline of a session.
#include "shim/sql/postgres_connection.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "shim/sql/match_statement.h"
#include "shim/sql/postgres_dialect.h"
#include "shim/sql/remote_database.h"

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

}  // namespace

Result<void> PostgresConnection::OpenSession() {
  KUBASE_ASSIGN_OR_RETURN(session_, PostgresSession::Open(options_));
  return Ok();
}

void PostgresConnection::CloseSession() {
  matching_.clear();
  session_.reset();
}

void PostgresConnection::QueueBegin(Access access) {
  if (access == Access::kRead) {
    session_->QueueCommand("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return;
  }
  session_->QueueCommand("BEGIN");
  // While a connection that nobody hears of any more has the lock, nobody else can write.
  session_->QueueCommand("SET LOCAL idle_in_transaction_session_timeout = '3s'");
  const Value expected[] = {fence().epoch.load(), fence().writes.load()};
  session_->Queue({"guard", kPostgresGuard}, ValuesOf(expected));
}

void PostgresConnection::QueueText(const std::string& text, const StatementSink& sink) {
  session_->QueueCommand(text.c_str(), sink);
}

void PostgresConnection::QueueOne(Query query, Params params, const StatementSink& sink) {
  session_->Queue({QueryName(query), PostgresText(query)}, ValuesOf(params), sink);
}

void PostgresConnection::QueueMany(Query query, Params params, size_t columns,
                                   const StatementSink& sink) {
  const std::string_view many = PostgresManyText(query);
  if (!many.empty() && params.size() > columns) {
    session_->Queue({fmt::format("{}_many", QueryName(query)), std::string(many)},
                    ArraysOf(params, columns), sink);
    return;
  }
  for (size_t first = 0; first < params.size(); first += columns) {
    QueueOne(query, params.subspan(first, columns), sink);
  }
}

void PostgresConnection::QueueMatching(const MatchShape& shape, Params params,
                                       const StatementSink& sink) {
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
  session_->Queue(found->second, ValuesOf(params), sink);
}

bool PostgresConnection::UndoInSession() {
  // By itself: behind a statement that fails it would not be done.
  if (session_->has_queued()) (void)session_->Send(statement_timeout_);
  if (session_->broken()) return false;
  session_->QueueCommand("ROLLBACK");
  return session_->Send(statement_timeout_).ok();
}

Result<void> PostgresConnection::RunScript(const std::string& script) {
  KUBASE_TRY(EnsureSession());
  session_->QueueCommand("BEGIN");
  for (const std::string& statement : StatementsOf(script)) {
    session_->QueueCommand(statement.c_str());
  }
  session_->QueueCommand("COMMIT");
  const Result<void> done = RunQueued();
  if (!done.ok()) Undo();
  return done;
}

}  // namespace kubase::sql
