// PostgresConnection: a connection of the store to PostgreSQL. Private to the sql room.
//
// What a write transaction changes is queued, and travels with its next read or with its commit.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/epoch.h"
#include "shim/sql/postgres.h"
#include "shim/sql/postgres_session.h"
#include "shim/sql/remote_database.h"

namespace kubase::sql {

// What the connections of a database share.
struct PostgresShared {
  const PostgresOptions options;
  WriteFence fence;
};

// Connects when it is used, and again when the connection was lost. After an error of the
// connection inside a transaction all of it is undone.
class PostgresConnection final : public RemoteConnection {
 public:
  // `shared` must outlive it. `patience`: as Database::Connect.
  explicit PostgresConnection(PostgresShared& shared, std::chrono::seconds patience = {})
      : shared_(shared),
        statement_timeout_(patience.count() > 0 ? std::chrono::milliseconds(patience)
                                                : shared.options.statement_timeout) {}

  // Errors: as PostgresSession::Open.
  Result<void> EnsureSession();

  Result<void> Begin(Access access) override;
  Result<void> Commit() override;
  void Rollback() override;
  Result<void> Select(Query query, Params params, const RowSink& sink) override;
  Result<void> SelectMany(Query query, Params params, size_t columns, const RowSink& sink) override;
  Result<void> SelectMatching(const MatchShape& shape, Params params, const RowSink& sink) override;
  Result<int64_t> Execute(Query query, Params params) override;
  Result<void> ExecuteMany(Query query, Params params, size_t columns) override;
  void Disconnect() override { session_.reset(); }

  // Outside of a transaction. Statements between semicolons, in a transaction of their own.
  Result<void> RunScript(const std::string& script);
  Result<void> Run(const std::string& text) override;
  Result<void> Read(const std::string& text, const RowSink& sink) override;
  Result<int> Socket() override;
  // Once it was connected.
  const PostgresEngine& engine() const { return session_->engine(); }

 protected:
  Result<void> ReadInSession(const std::string& text, const RowSink& sink) override;

 private:
  Result<void> SelectText(std::string_view called, const PostgresStatement& statement,
                          Params params, const RowSink& sink);
  void Queue(const PostgresStatement& statement, Params params, const PostgresSink& sink = {});
  void QueueMany(Query query, Params params, size_t columns, const PostgresSink& sink = {});
  Result<void> Run();

  PostgresShared& shared_;
  const std::chrono::milliseconds statement_timeout_;
  std::unique_ptr<PostgresSession> session_;
  std::chrono::steady_clock::time_point opened_;  // the session
  bool in_transaction_ = false;
  bool writes_ = false;  // the transaction
  bool running_ = false;
  // Searches that were prepared, by their names in the session; bounded.
  std::map<MatchShape, PostgresStatement> matching_;
  int64_t next_match_ = 0;
};

}  // namespace kubase::sql
