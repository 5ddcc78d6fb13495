// A database and its connections that hand everything on: tests override what they look into.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shim/sql/database.h"

namespace kubase::testing {

class WrappedConnection : public sql::Connection {
 public:
  explicit WrappedConnection(std::unique_ptr<sql::Connection> connection)
      : connection_(std::move(connection)) {}

  sql::Connection& real() { return *connection_; }

  Result<void> Begin(sql::Access access) override { return connection_->Begin(access); }
  Result<void> Commit() override { return connection_->Commit(); }
  Result<void> SelectManyAndCommit(sql::Query query, sql::Params params, size_t columns,
                                   const sql::RowSink& sink) override {
    return connection_->SelectManyAndCommit(query, params, columns, sink);
  }
  void Rollback() override { connection_->Rollback(); }
  Result<void> Select(sql::Query query, sql::Params params, const sql::RowSink& sink) override {
    return connection_->Select(query, params, sink);
  }
  Result<void> SelectMany(sql::Query query, sql::Params params, size_t columns,
                          const sql::RowSink& sink) override {
    return connection_->SelectMany(query, params, columns, sink);
  }
  Result<void> SelectMatching(const sql::MatchShape& shape, sql::Params params,
                              const sql::RowSink& sink) override {
    return connection_->SelectMatching(shape, params, sink);
  }
  Result<int64_t> Execute(sql::Query query, sql::Params params) override {
    return connection_->Execute(query, params);
  }
  Result<void> ExecuteMany(sql::Query query, sql::Params params, size_t columns) override {
    return connection_->ExecuteMany(query, params, columns);
  }
  void Disconnect() override { connection_->Disconnect(); }

 private:
  const std::unique_ptr<sql::Connection> connection_;
};

// Must outlive its connections.
class WrappedDatabase : public sql::Database {
 public:
  explicit WrappedDatabase(std::unique_ptr<sql::Database> database)
      : database_(std::move(database)) {}

  Result<std::unique_ptr<sql::Connection>> Connect(sql::Access access,
                                                   std::chrono::seconds patience) override {
    KUBASE_ASSIGN_OR_RETURN(auto connection, database_->Connect(access, patience));
    if (access == sql::Access::kRead) return connection;
    return std::unique_ptr<sql::Connection>(Wrap(std::move(connection)));
  }
  Result<sql::LeaderRecord> ReadLeader(sql::Connection& connection) override {
    return database_->ReadLeader(Real(connection));
  }
  Result<int64_t> TakeLead(sql::Connection& connection, const sql::LeaderRecord& seen,
                           const std::string& process, const std::string& address) override {
    return database_->TakeLead(Real(connection), seen, process, address);
  }
  Result<void> RenewLead(sql::Connection& connection) override {
    return database_->RenewLead(Real(connection));
  }
  Result<void> GiveUpLead(sql::Connection& connection) override {
    return database_->GiveUpLead(Real(connection));
  }
  Result<bool> IsOtherServer(sql::Connection& connection) override {
    return database_->IsOtherServer(Real(connection));
  }
  Result<void> RememberServer(sql::Connection& connection) override {
    return database_->RememberServer(Real(connection));
  }
  Result<std::string> ReadDurabilityRisk(sql::Connection& connection) override {
    return database_->ReadDurabilityRisk(Real(connection));
  }
  std::string engine() const override { return database_->engine(); }
  size_t key_bytes_max() const override { return database_->key_bytes_max(); }
  bool IsRemote() const override { return database_->IsRemote(); }
  sql::PoolLimits pool_limits() const override { return database_->pool_limits(); }
  Result<sql::SpaceUsage> ReadSpaceUsage(sql::Connection& connection) override {
    return database_->ReadSpaceUsage(Real(connection));
  }
  Result<bool> ReclaimSpaceStep(sql::Connection& connection) override {
    return database_->ReclaimSpaceStep(Real(connection));
  }
  Result<void> ReclaimSpace(sql::Connection& connection, sql::Reclaim aim,
                            const std::stop_token& stop) override {
    return database_->ReclaimSpace(Real(connection), aim, stop);
  }
  Result<std::vector<std::string>> CheckIntegrity(sql::Connection& connection) override {
    return database_->CheckIntegrity(Real(connection));
  }
  Result<void> Settle(sql::Connection& connection) override {
    return database_->Settle(Real(connection));
  }

 private:
  // Of those that write.
  virtual std::unique_ptr<WrappedConnection> Wrap(std::unique_ptr<sql::Connection> connection) = 0;

  static sql::Connection& Real(sql::Connection& connection) {
    auto* const wrapped = dynamic_cast<WrappedConnection*>(&connection);
    return wrapped == nullptr ? connection : wrapped->real();
  }

  const std::unique_ptr<sql::Database> database_;
};

}  // namespace kubase::testing
