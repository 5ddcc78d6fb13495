// MysqlConnection: a connection of the store to MariaDB. Private to the sql room.
//
// What a write transaction changes is queued, and travels with its next read or with its commit.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/epoch.h"
#include "shim/sql/mysql.h"
#include "shim/sql/mysql_session.h"
#include "shim/sql/remote_database.h"

namespace kubase::sql {

// What the connections of a database share.
struct MysqlShared {
  const MysqlOptions options;
  std::atomic<size_t> host{0};  // of options, that works
  WriteFence fence;
  // Servers that stopped taking writes while they were used. The reads of others cannot tell: from
  // then on a replica could answer them, which is behind.
  std::atomic<int64_t> servers_left{0};
};

// Connects when it is used, and again when the connection was lost. After an error of the
// connection inside a transaction all of it is undone.
class MysqlConnection final : public RemoteConnection {
 public:
  // `shared` must outlive it. `patience`: as Database::Connect.
  explicit MysqlConnection(MysqlShared& shared, std::chrono::seconds patience = {})
      : shared_(shared), options_(shared.options) {
    if (patience.count() > 0) options_.statement_timeout = patience;
  }

  // Errors: as MysqlSession::Open.
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

  // Outside of a transaction: statements, in order. Those that change tables end transactions.
  Result<void> RunAll(const std::vector<std::string>& statements);
  Result<void> Run(const std::string& text) override { return RunAll({text}); }
  Result<void> Read(const std::string& text, const RowSink& sink) override;
  Result<int> Socket() override;
  // Runs `check` on a table: what it finds but that all is well is added to `damages`.
  Result<void> Check(std::string_view check, std::string_view table,
                     std::vector<std::string>& damages);
  std::string server_version() const { return session_->server_version(); }

 protected:
  Result<void> ReadInSession(const std::string& text, const RowSink& sink) override;

 private:
  Result<void> SelectText(std::string_view called, std::string text, const RowSink& sink);
  Result<void> Run();

  MysqlShared& shared_;
  MysqlOptions options_;
  std::unique_ptr<MysqlSession> session_;
  std::chrono::steady_clock::time_point opened_;  // the session
  int64_t servers_left_ = 0;                      // when it was opened
  bool in_transaction_ = false;
  bool writes_ = false;  // the transaction
  bool running_ = false;
};

}  // namespace kubase::sql
