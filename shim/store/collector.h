// Collector: collects garbage in the storage, step by step.
//
// Ownership notes what is owed; a step does a bounded part of it inside a batch of the writer, so
// that each change is an ordinary write with a revision and an event, and what is left survives.
// The outcome is that of the garbage collector of kube-controller-manager (kubernetes
// pkg/controller/garbagecollector), which leaves these objects alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/collect/judgement.h"
#include "shim/store/collector_metrics.h"
#include "shim/store/ownership.h"
#include "shim/store/skipped_objects.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// The writer's thread only. Errors of all: those of the database; the batch must not be
// committed then (WriteBatch::NoteOutcome).
class Collector {
 public:
  // The references must outlive it.
  Collector(Ownership& ownership, CollectorMetrics& metrics, SkippedObjects& skipped,
            const Clock& clock)
      : ownership_(ownership), metrics_(metrics), skipped_(skipped), clock_(clock) {}

  bool HasWork() const {
    return ownership_.collects() && ownership_.queue().count(Collection::Waits::kNot) > 0;
  }
  // Does a part of what is owed, of about so many objects and no more bytes than a step may read,
  // each change a transaction of its own.
  Result<void> Step(WriteBatch& batch, int64_t objects);
  // The batch of the last step was committed, or was not.
  void End(bool committed);
  // Ownership was loaded.
  Result<void> OnLoaded(sql::Connection& connection);
  // To the metrics, after a batch that may have changed what is owed.
  void ReportQueue();

 private:
  Result<std::optional<Collection>> NextDue(WriteBatch& batch, int64_t id);
  // Each of these does a part of one piece of work, and tells how many objects it looked at.
  Result<int64_t> Run(WriteBatch& batch, const Collection& owed, int64_t objects);
  Result<int64_t> RunJudge(WriteBatch& batch, const Collection& owed);
  Result<int64_t> RunWake(WriteBatch& batch, const Collection& owed, int64_t objects);
  Result<int64_t> RunOnDependents(WriteBatch& batch, const Collection& owed, int64_t objects);
  // Fewer than are given when the step has read enough.
  Result<size_t> RunOn(WriteBatch& batch, const Collection& owed,
                       std::span<const Dependent> dependents);
  Result<void> Advance(WriteBatch& batch, const Collection& owed, const Dependent& reached);
  // Where the walk goes on after it came as far as `reached`. `orphaned`: somebody was, on the way.
  Result<Dependent> CursorOfOrphans(WriteBatch& batch, const Collection& owed,
                                    const Dependent& reached, bool orphaned);
  Result<void> FinishOrphan(WriteBatch& batch, const Collection& owed);
  Result<void> FinishForeground(WriteBatch& batch, const Collection& owed);
  // The owner, as long as it is being deleted with this finalizer.
  struct Found {
    KeyValuePtr pair;
    collect::ObjectMetadata object;
  };
  Result<std::optional<Found>> FindEnding(WriteBatch& batch, const Collection& owed,
                                          std::string_view finalizer);

  // As WriteBatch::Get, and counts what it gives.
  Result<KeyValuePtr> Read(WriteBatch& batch, const std::string& key);
  // kServedKinds: to be judged again when kinds change.
  Result<Collection::Waits> Judge(WriteBatch& batch, const std::string& key,
                                  const Collection& owed);
  Result<collect::Judgement> JudgementOn(WriteBatch& batch, const std::string& key,
                                         const collect::ObjectMetadata& object,
                                         const Collection& owed);
  Result<void> Orphan(WriteBatch& batch, const std::string& key, const std::string& owner);
  void Delete(WriteBatch& batch, const KeyValuePtr& pair, const collect::ObjectMetadata& object,
              const collect::Judgement& judgement);
  void RemoveFinalizer(WriteBatch& batch, const Found& found, std::string_view finalizer);
  // False: it cannot be edited, or there is nothing to change.
  bool Edit(WriteBatch& batch, const KeyValuePtr& pair, const collect::MetadataEdit& edit);

  Ownership& ownership_;
  CollectorMetrics& metrics_;
  SkippedObjects& skipped_;
  const Clock& clock_;
  CollectorMetrics::Done done_;  // by the last step, whose batch is not committed yet
  size_t bytes_read_ = 0;        // by the last step
  int64_t next_id_ = 0;          // whose turn it is
  int64_t oldest_since_ = 0;     // of the oldest due work when it was last looked at; 0: none
};

}  // namespace kubase::store
