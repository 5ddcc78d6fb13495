// A store whose collector takes small steps, between which others write.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "shim/store/collector_fixture_test.h"

namespace kubase::store {

// Calls a function when the collector has listed dependents, on the thread of the writer.
class Walks final : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override {
    if (run.name != sql::QueryName(sql::Query::kListDependents)) return;
    std::shared_ptr<const std::function<void()>> call;
    {
      const std::lock_guard lock(mutex_);
      call = on_list_;
    }
    if (call) (*call)();
  }
  void OnList(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    on_list_ = std::make_shared<const std::function<void()>>(std::move(call));
  }
  void OnListNothing() {
    const std::lock_guard lock(mutex_);
    on_list_.reset();
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const std::function<void()>> on_list_;  // guarded by mutex_
};

// Whole before a store is opened, which observes statements on threads of its own at once.
struct WalksObserved {
  Walks walks;
};

class Stepwise : public WalksObserved, public Collected {
 public:
  Stepwise() : Collected(&walks) {}

  // `specs` are written after the first step of the work that `owner` makes due. Until nothing is.
  void CreateAndWrite(const Spec& owner, const std::vector<Spec>& specs) {
    walks.OnList([this, specs, first = true]() mutable {
      clock().Advance(std::chrono::seconds(1));  // so long a step that the next is the smallest
      if (!std::exchange(first, false)) return;
      for (const Spec& spec : specs) {
        store().Put({.key = KeyOf(spec.name), .value = TextOf(spec)}, [](const auto&) {});
      }
    });
    Create(owner);
    Settle();
  }
};

}  // namespace kubase::store
