// A database that takes no writes while a test says so.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "tests/support/wrapped_database.h"

namespace kubase::testing {

// Whose writes fail while it is down.
class Outages final : public WrappedDatabase {
 public:
  Outages(std::unique_ptr<sql::Database> database, const std::atomic<bool>& down)
      : WrappedDatabase(std::move(database)), down_(down) {}

 private:
  class Writing final : public WrappedConnection {
   public:
    Writing(std::unique_ptr<sql::Connection> connection, const std::atomic<bool>& down)
        : WrappedConnection(std::move(connection)), down_(down) {}
    Result<void> Begin(sql::Access access) override {
      if (down_) return Error{ErrorCode::kUnavailable, "the database is away"};
      return real().Begin(access);
    }

   private:
    const std::atomic<bool>& down_;
  };

  std::unique_ptr<WrappedConnection> Wrap(std::unique_ptr<sql::Connection> connection) override {
    return std::make_unique<Writing>(std::move(connection), down_);
  }

  const std::atomic<bool>& down_;
};

}  // namespace kubase::testing
