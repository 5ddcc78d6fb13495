// A database whose writer waits, when a test says so, before its next transaction: what is sent to
// it meanwhile comes together.
#pragma once

#include <atomic>
#include <memory>
#include <semaphore>
#include <utility>

#include "tests/support/wrapped_database.h"

namespace kubase::testing {

// Any thread; one writer.
class Hold {
 public:
  // The next transaction that writes waits for Release.
  void Arm() { armed_ = true; }
  void AwaitHeld() { held_.acquire(); }
  void Release() { released_.release(); }
  void Pass() {
    if (!armed_.exchange(false)) return;
    held_.release();
    released_.acquire();
  }

 private:
  std::atomic<bool> armed_{false};
  std::binary_semaphore held_{0};
  std::binary_semaphore released_{0};
};

class HeldWrites final : public WrappedDatabase {
 public:
  HeldWrites(std::unique_ptr<sql::Database> database, Hold& hold)
      : WrappedDatabase(std::move(database)), hold_(hold) {}

 private:
  class Writing final : public WrappedConnection {
   public:
    Writing(std::unique_ptr<sql::Connection> connection, Hold& hold)
        : WrappedConnection(std::move(connection)), hold_(hold) {}
    Result<void> Begin(sql::Access access) override {
      if (access == sql::Access::kWrite) hold_.Pass();
      return real().Begin(access);
    }

   private:
    Hold& hold_;
  };

  std::unique_ptr<WrappedConnection> Wrap(std::unique_ptr<sql::Connection> connection) override {
    return std::make_unique<Writing>(std::move(connection), hold_);
  }

  Hold& hold_;
};

}  // namespace kubase::testing
