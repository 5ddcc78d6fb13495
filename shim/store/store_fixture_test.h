// A store over a database of its own, and its calls without callbacks.
#pragma once

#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/sql/database.h"
#include "shim/store/sql_store.h"
#include "tests/support/test_database.h"

namespace kubase::store {

// The custom resources of the tests of selectors.
inline const std::string kWidgetsPrefix = "/registry/example.com/widgets/";
inline const KeyRange kWidgets{kWidgetsPrefix, "/registry/example.com/widgets0"};

template <typename T>
Result<T> Wait(const std::function<void(Callback<T>)>& call) {
  std::promise<Result<T>> promise;
  auto future = promise.get_future();
  call([&](Result<T> result) { promise.set_value(std::move(result)); });
  return future.get();
}

class StoreFixture {
 public:
  using Wrapping =
      std::function<std::unique_ptr<sql::Database>(std::unique_ptr<sql::Database> database)>;

  // `observer` sees the statements; may be null. `wrapping` stands before the database.
  explicit StoreFixture(SqlStoreOptions options = {}, sql::StatementObserver* observer = nullptr,
                        Wrapping wrapping = nullptr)
      : options_(std::move(options)),
        observer_(observer),
        wrapping_(std::move(wrapping)),
        log_(LogTo([](LogLevel, const std::string&) {})) {
    Open();
  }

  void Close() {
    store_.reset();
    database_.reset();
  }
  // After Close.
  void Open() { Open(options_); }
  void Open(const SqlStoreOptions& options) {
    database_ = data_.Open(observer_);
    if (wrapping_) database_ = wrapping_(std::move(database_));
    auto store = SqlStore::Open(options, *database_, registry_, clock_, *log_);
    REQUIRE(store.ok());
    store_ = std::move(store).value();
  }

  SqlStore& store() { return *store_; }
  const testing::TestDatabase& data() const { return data_; }
  ManualClock& clock() { return clock_; }
  prometheus::Registry& registry() { return registry_; }

  Result<PutResponse> Put(PutRequest request) {
    return Wait<PutResponse>([&](auto done) { store_->Put(std::move(request), std::move(done)); });
  }
  Result<DeleteRangeResponse> Delete(const KeyRange& range) {
    return Wait<DeleteRangeResponse>(
        [&](auto done) { store_->DeleteRange({.range = range}, std::move(done)); });
  }
  Result<RangeResponse> Range(const RangeRequest& request) {
    return Wait<RangeResponse>([&](auto done) { store_->Range(request, std::move(done)); });
  }
  Result<TxnResponse> Txn(TxnRequest request) {
    return Wait<TxnResponse>([&](auto done) { store_->Txn(std::move(request), std::move(done)); });
  }
  Result<Revision> Compact(Revision revision) {
    return Wait<Revision>([&](auto done) { store_->Compact(revision, true, std::move(done)); });
  }

 private:
  const testing::TestDatabase data_;
  const SqlStoreOptions options_;
  sql::StatementObserver* const observer_;
  const Wrapping wrapping_;
  prometheus::Registry registry_;
  ManualClock clock_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<SqlStore> store_;
};

}  // namespace kubase::store
