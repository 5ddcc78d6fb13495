// What is sent to MariaDB: statements with their parameters in their text.
#include "shim/sql/mysql_connection.h"

#include <fmt/format.h>

#include "shim/sql/mysql_dialect.h"

namespace kubase::sql {

// All connections go to one node: two that change a row on two nodes are in each other's way.
bool MysqlConnection::IsUsable() {
  return session_ != nullptr && session_->host() == shared_.host &&
         servers_left_ == shared_.servers_left && session_->IsAlive();
}

Result<void> MysqlConnection::OpenSession() {
  servers_left_ = shared_.servers_left;
  KUBASE_ASSIGN_OR_RETURN(session_, MysqlSession::Open(options_, options_.database, shared_.host));
  return Ok();
}

void MysqlConnection::QueueBegin(Access access) {
  if (access == Access::kRead) {
    session_->Queue("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    session_->Queue(std::string(kMysqlSnapshot));
    return;
  }
  session_->Queue("START TRANSACTION");
  const Value expected[] = {fence().epoch.load(), fence().writes.load()};
  session_->Queue(Render(kMysqlGuard, expected));
}

void MysqlConnection::QueueText(const std::string& text, const StatementSink& sink) {
  session_->Queue(text, sink);
}

void MysqlConnection::QueueOne(Query query, Params params, const StatementSink& sink) {
  session_->Queue(Render(MysqlText(query), params), sink);
}

void MysqlConnection::QueueMany(Query query, Params params, size_t columns,
                                const StatementSink& sink) {
  for (std::string& text : RenderMany(query, params, columns)) {
    session_->Queue(std::move(text), sink);
  }
}

void MysqlConnection::QueueMatching(const MatchShape& shape, Params params,
                                    const StatementSink& sink) {
  session_->Queue(Render(MysqlMatchText(shape), params), sink);
}

Result<void> MysqlConnection::RunSession() {
  Result<void> done = session_->Run();
  if (!done.ok() && session_->read_only() && servers_left_ == shared_.servers_left) {
    ++shared_.servers_left;
  }
  return done;
}

bool MysqlConnection::UndoInSession() {
  session_->Forget();
  session_->Queue("ROLLBACK");
  return RunSession().ok();
}

Result<void> MysqlConnection::RunAll(const std::vector<std::string>& statements) {
  KUBASE_TRY(EnsureSession());
  for (const std::string& statement : statements) session_->Queue(statement);
  return RunQueued();
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
