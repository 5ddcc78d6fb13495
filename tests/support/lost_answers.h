// A database whose answers to commits get lost when a test says so, done or not.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "tests/support/wrapped_database.h"

namespace kubase::testing {

// What becomes of the next commit of a write.
enum class NextCommit { kAnswered, kDoneButLost, kUndoneAndLost };

// Commits on the writer's thread only.
class LostAnswers final : public WrappedDatabase {
 public:
  LostAnswers(std::unique_ptr<sql::Database> database, std::atomic<NextCommit>& next)
      : WrappedDatabase(std::move(database)), next_(next) {}

 private:
  class Writing final : public WrappedConnection {
   public:
    Writing(std::unique_ptr<sql::Connection> connection, std::atomic<NextCommit>& next)
        : WrappedConnection(std::move(connection)), next_(next) {}

    Result<void> Begin(sql::Access access) override {
      writes_ = access == sql::Access::kWrite;
      return real().Begin(access);
    }
    Result<void> Commit() override {
      return Losing([this] { return real().Commit(); });
    }
    Result<void> SelectManyAndCommit(sql::Query query, sql::Params params, size_t columns,
                                     const sql::RowSink& sink) override {
      return Losing([&] { return real().SelectManyAndCommit(query, params, columns, sink); });
    }
    void Rollback() override {
      if (!std::exchange(ended_, false)) real().Rollback();
    }

   private:
    template <typename Committing>
    Result<void> Losing(const Committing& commit) {
      const NextCommit now = writes_ ? next_.exchange(NextCommit::kAnswered) : next_.load();
      if (!writes_ || now == NextCommit::kAnswered) return commit();
      if (now == NextCommit::kUndoneAndLost) {
        real().Rollback();
      } else {
        KUBASE_TRY(commit());
      }
      ended_ = true;
      return Error{ErrorCode::kOutcomeUnknown, "the answer to the commit was lost"};
    }

    std::atomic<NextCommit>& next_;
    bool writes_ = false;
    bool ended_ = false;  // although who asked does not know
  };

  std::unique_ptr<WrappedConnection> Wrap(std::unique_ptr<sql::Connection> connection) override {
    return std::make_unique<Writing>(std::move(connection), next_);
  }

  std::atomic<NextCommit>& next_;
};

}  // namespace kubase::testing
