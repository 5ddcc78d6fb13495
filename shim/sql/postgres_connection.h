// PostgresConnection: a connection of the store to PostgreSQL. Private to the sql room.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "shim/sql/postgres.h"
#include "shim/sql/postgres_session.h"
#include "shim/sql/remote_connection.h"

namespace kubase::sql {

// What the connections of a database share.
struct PostgresShared {
  const PostgresOptions options;
  WriteFence fence;
};

class PostgresConnection final : public RemoteConnection {
 public:
  // `shared` must outlive it. `patience`: as Database::Connect.
  explicit PostgresConnection(PostgresShared& shared, std::chrono::seconds patience = {})
      : RemoteConnection({shared.fence, shared.options.pool, shared.options.observer}),
        options_(shared.options),
        statement_timeout_(patience.count() > 0 ? std::chrono::milliseconds(patience)
                                                : shared.options.statement_timeout) {}

  // Outside of a transaction. Statements between semicolons, in a transaction of their own.
  Result<void> RunScript(const std::string& script);
  // Once it was connected.
  const PostgresEngine& engine() const { return session_->engine(); }

 private:
  bool IsUsable() override { return session_ != nullptr && session_->IsAlive(); }
  Result<void> OpenSession() override;
  void CloseSession() override;
  bool IsBroken() const override { return session_ == nullptr || session_->broken(); }
  int SocketOfSession() const override { return session_->socket(); }
  void QueueBegin(Access access) override;
  void QueueText(const std::string& text, const StatementSink& sink) override;
  void QueueOne(Query query, Params params, const StatementSink& sink) override;
  void QueueMany(Query query, Params params, size_t columns, const StatementSink& sink) override;
  void QueueMatching(const MatchShape& shape, Params params, const StatementSink& sink) override;
  Result<void> RunSession() override { return session_->Run(statement_timeout_); }
  bool UndoInSession() override;

  const PostgresOptions& options_;
  const std::chrono::milliseconds statement_timeout_;
  std::unique_ptr<PostgresSession> session_;
  // Searches that were prepared, by their names in the session; bounded.
  std::map<MatchShape, PostgresStatement> matching_;
  int64_t next_match_ = 0;
};

}  // namespace kubase::sql
