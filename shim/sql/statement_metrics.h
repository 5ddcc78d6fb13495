// Counts and times each named statement under kine's metric names, so that dashboards made for kine
// keep working, and logs the slow ones and, once a minute, those that fail.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/log_pacer.h"
#include "shim/sql/database.h"

namespace prometheus {
class Counter;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace kubase::sql {

// Any thread. The references must outlive it.
class StatementMetrics final : public StatementObserver {
 public:
  StatementMetrics(prometheus::Registry& registry, const Clock& clock, Log& log,
                   std::chrono::milliseconds slow);

  void OnStatement(const StatementRun& run) override;

 private:
  struct Series {
    prometheus::Counter* ok;
    prometheus::Histogram* seconds;
    prometheus::Counter* rows;
    prometheus::Counter* steps;
  };
  const Series& Find(std::string_view name);
  void NoteFailure(const StatementRun& run);

  Log& log_;
  LogPacer failures_;
  const double slow_seconds_;
  prometheus::Family<prometheus::Counter>& total_;
  prometheus::Family<prometheus::Histogram>& time_;
  prometheus::Family<prometheus::Counter>& rows_;
  prometheus::Family<prometheus::Counter>& steps_;
  std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;  // guarded by mutex_; entries never move
};

}  // namespace kubase::sql
