// The store over the database of an endpoint, and whether it is well.
#include "launcher/storage.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

namespace kubase::launcher {
namespace {

constexpr std::chrono::seconds kHealthCheckInterval{5};
constexpr std::chrono::seconds kHealthCheckTimeout{30};

bool IsSilence(const Error& error) {
  return error.code == ErrorCode::kDeadlineExceeded || error.code == ErrorCode::kOverloaded;
}

// What `ask` calls back with, within `timeout`; `who` is named when nothing comes.
template <typename T, typename Ask>
Result<T> Await(std::chrono::milliseconds timeout, const std::string& who, Ask ask) {
  // shared: this call and the store's callback, which may come after the call gave up, own it.
  auto answer = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = answer->get_future();
  ask([answer](Result<T> result) { answer->set_value(std::move(result)); });
  if (future.wait_for(timeout) == std::future_status::ready) return future.get();
  return Error{ErrorCode::kDeadlineExceeded,
               who + " did not answer within " + std::to_string(timeout.count()) + " ms"};
}

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
  std::unique_ptr<Storage> storage(
      new Storage(log.WithComponent("store"), registry, options.slow_sql_threshold, clock));
  KUBASE_ASSIGN_OR_RETURN(storage->database_,
                          OpenDatabase(options.endpoint, &storage->statement_metrics_));
  store::SqlStoreOptions store_options{.quota_bytes = options.quota_bytes};
  if (options.progress_interval.count() > 0) {
    store_options.progress_interval = options.progress_interval;
  }
  KUBASE_ASSIGN_OR_RETURN(storage->store_, store::SqlStore::Open(store_options, *storage->database_,
                                                                 registry, clock, *storage->log_));
  return storage;
}

Result<store::StoreStatus> Storage::ReadStatus(std::chrono::milliseconds timeout) {
  return Await<store::StoreStatus>(
      timeout, "the database",
      [this](store::Callback<store::StoreStatus> done) { store_->Status(std::move(done)); });
}

Result<store::DeletionPreview> Storage::PreviewDeletion(store::PreviewRequest request,
                                                        std::chrono::milliseconds timeout) {
  return Await<store::DeletionPreview>(
      timeout, "the database", [&](store::Callback<store::DeletionPreview> done) {
        store_->PreviewDeletion(std::move(request), std::move(done));
      });
}

Result<void> Storage::CheckAlive(std::chrono::milliseconds timeout) {
  const auto read = ReadStatus(timeout);
  // An empty transaction goes through the writer and changes nothing.
  const auto written = Await<store::TxnResponse>(
      timeout, "the writer of the database",
      [this](store::Callback<store::TxnResponse> done) { store_->Txn({}, std::move(done)); });
  if (!read.ok() && IsSilence(read.error())) return read.error();
  if (!written.ok() && IsSilence(written.error())) return written.error();
  return Ok();
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
    if (status.ok() && status->broken) {
      return Error{ErrorCode::kCorrupt, "the store has failed: " + status->failure};
    }
  }
  return Ok();
}

void Storage::Stop() {
  if (store_ != nullptr) store_->Stop();
}

}  // namespace kubase::launcher
