// Counts statements by their names.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "shim/sql/database.h"

namespace kubase::testing {

class CountingObserver : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override {
    const std::lock_guard lock(mutex_);
    ++runs_[std::string(run.name)];
  }
  // Since it was asked the last time.
  int Take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return std::exchange(runs_[name], 0);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> runs_;
};

}  // namespace kubase::testing
