// kine_sql_total and kine_sql_time_seconds (kine pkg/metrics) with kine's buckets.
#include "shim/sql/statement_metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace kubase::sql {
namespace {

// 1 ms doubled fourteen times, as etcd's backend histograms.
const prometheus::Histogram::BucketBoundaries& Buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets = [] {
    prometheus::Histogram::BucketBoundaries bounds;
    for (double bound = 0.001; bounds.size() < 14; bound *= 2) bounds.push_back(bound);
    return bounds;
  }();
  return buckets;
}

const char* ErrorLabel(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kOutcomeUnknown:
      return "outcome_unknown";
    case ErrorCode::kLeaderChanged:
      return "leader_changed";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    default:
      return "internal";
  }
}

}  // namespace

StatementMetrics::StatementMetrics(prometheus::Registry& registry, const Clock& clock, Log& log,
                                   std::chrono::milliseconds slow)
    : log_(log),
      failures_(clock),
      slow_seconds_(std::chrono::duration<double>(slow).count()),
      total_(prometheus::BuildCounter()
                 .Name("kine_sql_total")
                 .Help("Total number of SQL statements")
                 .Register(registry)),
      time_(prometheus::BuildHistogram()
                .Name("kine_sql_time_seconds")
                .Help("Length of time per SQL statement")
                .Register(registry)),
      rows_(prometheus::BuildCounter()
                .Name("kubase_sql_rows_total")
                .Help("Rows that SQL statements gave")
                .Register(registry)),
      steps_(prometheus::BuildCounter()
                 .Name("kubase_sql_steps_total")
                 .Help("Steps of the database engine in SQL statements that read")
                 .Register(registry)) {}

const StatementMetrics::Series& StatementMetrics::Find(std::string_view name) {
  std::lock_guard lock(mutex_);
  auto found = series_.find(name);
  if (found == series_.end()) {
    const std::string label(name);
    found =
        series_
            .emplace(label, Series{&total_.Add({{"name", label}, {"error_code", ""}}),
                                   &time_.Add({{"name", label}, {"error_code", ""}}, Buckets()),
                                   &rows_.Add({{"name", label}}), &steps_.Add({{"name", label}})})
            .first;
  }
  return found->second;
}

void StatementMetrics::OnStatement(const StatementRun& run) {
  const Series& series = Find(run.name);
  series.seconds->Observe(run.seconds);
  series.rows->Increment(static_cast<double>(run.rows));
  series.steps->Increment(static_cast<double>(run.steps));
  if (run.error == nullptr) {
    series.ok->Increment();
  } else {
    NoteFailure(run);
  }
  if (run.seconds >= slow_seconds_) {
    log_.Warning("slow statement",
                 {{"statement", run.name}, {"ms", static_cast<int64_t>(run.seconds * 1000)}});
  }
}

void StatementMetrics::NoteFailure(const StatementRun& run) {
  total_.Add({{"name", std::string(run.name)}, {"error_code", ErrorLabel(run.error->code)}})
      .Increment();
  // The store takes it that what is created is new, and reads when it is not.
  if (run.error->code == ErrorCode::kAlreadyExists) return;
  if (const auto unlogged = failures_.Note(run.error->code); unlogged) {
    log_.Warning("statement failed",
                 {{"statement", run.name}, {"error", run.error->message}, {"unlogged", *unlogged}});
  }
}

}  // namespace kubase::sql
