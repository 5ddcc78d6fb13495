// MysqlConnection: a connection of the store to MariaDB. Private to the sql room.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "shim/sql/mysql.h"
#include "shim/sql/mysql_session.h"
#include "shim/sql/remote_connection.h"

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

class MysqlConnection final : public RemoteConnection {
 public:
  // `shared` must outlive it. `patience`: as Database::Connect.
  explicit MysqlConnection(MysqlShared& shared, std::chrono::seconds patience = {})
      : RemoteConnection({shared.fence, shared.options.pool, shared.options.observer}),
        shared_(shared),
        options_(shared.options) {
    if (patience.count() > 0) options_.statement_timeout = patience;
  }

  // Outside of a transaction: statements, in order. Those that change tables end transactions.
  Result<void> RunAll(const std::vector<std::string>& statements);
  // Runs `check` on a table: what it finds but that all is well is added to `damages`.
  Result<void> Check(std::string_view check, std::string_view table,
                     std::vector<std::string>& damages);
  std::string server_version() const { return session_->server_version(); }

 private:
  bool IsUsable() override;
  Result<void> OpenSession() override;
  void CloseSession() override { session_.reset(); }
  bool IsBroken() const override { return session_ == nullptr || session_->broken(); }
  int SocketOfSession() const override { return session_->socket(); }
  void QueueBegin(Access access) override;
  void QueueText(const std::string& text, const StatementSink& sink) override;
  void QueueOne(Query query, Params params, const StatementSink& sink) override;
  void QueueMany(Query query, Params params, size_t columns, const StatementSink& sink) override;
  void QueueMatching(const MatchShape& shape, Params params, const StatementSink& sink) override;
  Result<void> RunSession() override;
  bool UndoInSession() override;

  MysqlShared& shared_;
  MysqlOptions options_;
  std::unique_ptr<MysqlSession> session_;
  int64_t servers_left_ = 0;  // when it was opened
};

}  // namespace kubase::sql
