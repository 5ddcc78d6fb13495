// Storage: the database and the store over it, as both `up` and `serve` need them.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "launcher/endpoint.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/statement_metrics.h"
#include "shim/store/sql_store.h"

namespace kubase::launcher {

struct StorageOptions {
  Endpoint endpoint;
  std::chrono::milliseconds progress_interval{0};   // 0: the store's default
  std::chrono::milliseconds slow_sql_threshold{0};  // 0: no statement is logged as slow
  int64_t quota_bytes = 0;                          // 0: none
};

class Storage {
 public:
  // Opens or creates the database; the directory of its file is created (0700). `registry`, `clock`
  // and `log` must outlive it. Errors: those of the database, with a sentence for the user.
  static Result<std::unique_ptr<Storage>> Open(const StorageOptions& options,
                                               prometheus::Registry& registry, const Clock& clock,
                                               Log& log);
  ~Storage();  // as Stop

  store::Store& store() { return *store_; }

  // What the store says of itself, within `timeout`. Errors: kDeadlineExceeded, those of the store.
  Result<store::StoreStatus> ReadStatus(std::chrono::milliseconds timeout);

  // As the store's, within `timeout`. Errors: kDeadlineExceeded too.
  Result<store::DeletionPreview> PreviewDeletion(store::PreviewRequest request,
                                                 std::chrono::milliseconds timeout);

  // Whether the readers and the writer of the store work; nothing is written. An error that they
  // answer with is a sign of life too. Errors: kDeadlineExceeded, kOverloaded (nothing was heard of
  // them, since too much else is waiting).
  Result<void> CheckAlive(std::chrono::milliseconds timeout);

  // Waits until `stop` is triggered or `timeout` has passed (success), or the store refuses service
  // for good (kCorrupt; the message says why).
  Result<void> WaitForFailure(std::stop_token stop, std::chrono::milliseconds timeout);

  // Answers what was accepted, then closes the database. Idempotent.
  void Stop();

 private:
  Storage(std::unique_ptr<Log> log, prometheus::Registry& registry,
          std::chrono::milliseconds slow_sql_threshold, const Clock& clock);

  const std::unique_ptr<Log> log_;
  sql::StatementMetrics statement_metrics_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<store::SqlStore> store_;
  const Clock& clock_;
};

}  // namespace kubase::launcher
