// Opens the one engine there is so far; the choice of an engine belongs here.
#include "launcher/storage.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include "launcher/files.h"
#include "shim/sql/sqlite.h"

namespace kubase::launcher {
namespace {

constexpr std::chrono::seconds kHealthCheckInterval{5};
constexpr std::chrono::seconds kHealthCheckTimeout{30};

}  // namespace

Storage::Storage(std::unique_ptr<Log> log, prometheus::Registry& registry,
                 std::chrono::milliseconds slow_sql_threshold, const Clock& clock)
    : log_(std::move(log)),
      statement_metrics_(
          registry, *log_,
          slow_sql_threshold.count() > 0 ? slow_sql_threshold : std::chrono::hours(24 * 365)),
      clock_(clock) {}

Storage::~Storage() {
  Stop();
}

Result<std::unique_ptr<Storage>> Storage::Open(const StorageOptions& options,
                                               prometheus::Registry& registry, const Clock& clock,
                                               Log& log) {
  KUBASE_TRY(CreateDirectory(options.endpoint.sqlite_file.parent_path(), 0700));
  std::unique_ptr<Storage> storage(
      new Storage(log.WithComponent("store"), registry, options.slow_sql_threshold, clock));
  KUBASE_ASSIGN_OR_RETURN(storage->database_,
                          sql::OpenSqlite({.path = options.endpoint.sqlite_file.string(),
                                           .observer = &storage->statement_metrics_}));
  store::SqlStoreOptions store_options;
  if (options.progress_interval.count() > 0) {
    store_options.progress_interval = options.progress_interval;
  }
  KUBASE_ASSIGN_OR_RETURN(storage->store_, store::SqlStore::Open(store_options, *storage->database_,
                                                                 registry, clock, *storage->log_));
  return storage;
}

Result<store::StoreStatus> Storage::ReadStatus(std::chrono::milliseconds timeout) {
  // shared: this call and the store's callback, which may come after the call gave up, own it.
  auto answer = std::make_shared<std::promise<Result<store::StoreStatus>>>();
  std::future<Result<store::StoreStatus>> future = answer->get_future();
  store_->Status(
      [answer](Result<store::StoreStatus> status) { answer->set_value(std::move(status)); });
  if (future.wait_for(timeout) != std::future_status::ready) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "the database did not answer within " + std::to_string(timeout.count()) + " ms"};
  }
  return future.get();
}

Result<void> Storage::WaitForFailure(std::stop_token stop, std::chrono::milliseconds timeout) {
  const MonotonicTime deadline = clock_.Now() + timeout;
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock lock(mutex);
  while (clock_.Now() < deadline) {
    never_notified.wait_for(lock, stop, kHealthCheckInterval, [] { return false; });
    if (stop.stop_requested()) return Ok();
    const auto status = ReadStatus(kHealthCheckTimeout);
    if (status.ok() && !status->failure.empty()) {
      return Error{ErrorCode::kUnavailable, "the store has failed: " + status->failure};
    }
  }
  return Ok();
}

void Storage::Stop() {
  if (store_ != nullptr) store_->Stop();
}

}  // namespace kubase::launcher
