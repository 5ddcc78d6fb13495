// A store whose writer can be held, so that what is sent to it waits together.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "shim/store/store_fixture_test.h"
#include "tests/support/counting_observer.h"
#include "tests/support/held_writes.h"
#include "tests/support/lost_answers.h"

namespace kubase::store {

inline constexpr LeaseId kUnknownLease = 999;
inline const KeyRange kBatchKeys{"/k/", "/k0"};

// A store whose writer can be held.
class Held {
 public:
  explicit Held(size_t pair_cache_bytes = 0)
      : fixture_({.pair_cache_bytes_max = pair_cache_bytes}, &observer_,
                 [this](std::unique_ptr<sql::Database> database) {
                   auto losing =
                       std::make_unique<testing::LostAnswers>(std::move(database), next_commit_);
                   return std::make_unique<testing::HeldWrites>(std::move(losing), hold_);
                 }) {}

  StoreFixture* operator->() { return &fixture_; }
  testing::CountingObserver& observer() { return observer_; }

  std::future<Result<TxnResponse>> Send(TxnRequest request) {
    auto promise = std::make_shared<std::promise<Result<TxnResponse>>>();
    fixture_.store().Txn(std::move(request), [promise](Result<TxnResponse> response) {
      promise->set_value(std::move(response));
    });
    return promise->get_future();
  }
  // What is sent between the two waits together, behind `first`.
  std::future<Result<TxnResponse>> SendAndHold(TxnRequest first) {
    hold_.Arm();
    auto answer = Send(std::move(first));
    hold_.AwaitHeld();
    return answer;
  }
  void Release() { hold_.Release(); }
  void Lose(testing::NextCommit how) { next_commit_ = how; }
  // Memory knows no pair then, and the writer has nothing to do.
  void Forget() {
    fixture_.Close();
    fixture_.Open();
    REQUIRE(fixture_.Compact(fixture_.Range({.range = kBatchKeys})->revision).ok());
    for (const char* name : {"get", "commit"}) observer_.Take(name);
  }

 private:
  testing::Hold hold_;
  std::atomic<testing::NextCommit> next_commit_{testing::NextCommit::kAnswered};
  testing::CountingObserver observer_;
  StoreFixture fixture_;
};

inline Compare ModIs(const std::string& key, Revision revision) {
  return {.range = {key, ""}, .target = Compare::Target::kMod, .number = revision};
}

inline PutRequest PutOf(const std::string& key, const std::string& value) {
  return {.key = key, .value = value};
}

// As kube-apiserver creates an object.
inline TxnRequest Creation(const std::string& key, const std::string& value) {
  TxnRequest request{.compares = {ModIs(key, 0)}};
  request.success.push_back({PutOf(key, value)});
  request.failure.push_back({RangeRequest{.range = {key, ""}}});
  return request;
}

inline TxnRequest Putting(const std::string& key, const std::string& value) {
  TxnRequest request;
  request.success.push_back({PutOf(key, value)});
  return request;
}

}  // namespace kubase::store
