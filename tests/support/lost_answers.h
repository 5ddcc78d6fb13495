// A database whose answers to commits get lost when a test says so, done or not.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shim/sql/database.h"

namespace kubase::testing {

// What becomes of the next commit of a write.
enum class NextCommit { kAnswered, kDoneButLost, kUndoneAndLost };

// Must outlive its connections. Commits on the writer's thread only.
class LostAnswers final : public sql::Database {
 public:
  LostAnswers(std::unique_ptr<sql::Database> database, std::atomic<NextCommit>& next)
      : database_(std::move(database)), next_(next) {}

  Result<std::unique_ptr<sql::Connection>> Connect(sql::Access access,
                                                   std::chrono::seconds patience) override {
    KUBASE_ASSIGN_OR_RETURN(auto connection, database_->Connect(access, patience));
    if (access == sql::Access::kRead) return connection;
    return std::unique_ptr<sql::Connection>(
        std::make_unique<Writing>(std::move(connection), next_));
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
  Result<void> ReclaimSpace(sql::Connection& connection, const std::stop_token& stop) override {
    return database_->ReclaimSpace(Real(connection), stop);
  }
  Result<std::vector<std::string>> CheckIntegrity(sql::Connection& connection) override {
    return database_->CheckIntegrity(Real(connection));
  }
  Result<void> Settle(sql::Connection& connection) override {
    return database_->Settle(Real(connection));
  }

 private:
  class Writing final : public sql::Connection {
   public:
    Writing(std::unique_ptr<sql::Connection> connection, std::atomic<NextCommit>& next)
        : connection_(std::move(connection)), next_(next) {}

    sql::Connection& real() { return *connection_; }

    Result<void> Begin(sql::Access access) override {
      writes_ = access == sql::Access::kWrite;
      return connection_->Begin(access);
    }
    Result<void> Commit() override {
      const NextCommit now = writes_ ? next_.exchange(NextCommit::kAnswered) : next_.load();
      if (!writes_ || now == NextCommit::kAnswered) return connection_->Commit();
      if (now == NextCommit::kUndoneAndLost) {
        connection_->Rollback();
      } else {
        KUBASE_TRY(connection_->Commit());
      }
      ended_ = true;
      return Error{ErrorCode::kOutcomeUnknown, "the answer to the commit was lost"};
    }
    void Rollback() override {
      if (!std::exchange(ended_, false)) connection_->Rollback();
    }
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
    std::atomic<NextCommit>& next_;
    bool writes_ = false;
    bool ended_ = false;  // although who asked does not know
  };

  static sql::Connection& Real(sql::Connection& connection) {
    auto* const writing = dynamic_cast<Writing*>(&connection);
    return writing == nullptr ? connection : writing->real();
  }

  const std::unique_ptr<sql::Database> database_;
  std::atomic<NextCommit>& next_;
};

}  // namespace kubase::testing
