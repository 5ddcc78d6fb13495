// The writer's thread: batches first, maintenance in between.
#include "shim/store/batch_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "shim/base/executor.h"
#include "shim/base/failpoint.h"
#include "shim/base/limits.h"

namespace kubase::store {
namespace {

// Between two attempts to settle a commit; doubled each time.
constexpr std::chrono::milliseconds kSettlePauseMin{50};
constexpr std::chrono::milliseconds kSettlePauseMax{2000};
// After so much time the callers are told that the outcome is unknown; etcd lets them wait about as
// long.
constexpr std::chrono::milliseconds kSettleAnswerAfter{5000};
// Attempts at a batch that conflicts keep undoing, which is a second and a half, and the pauses
// between them, doubled each time.
constexpr int kConflictAttempts = 12;
constexpr std::chrono::milliseconds kConflictPauseMin{1};
constexpr std::chrono::milliseconds kConflictPauseMax{256};
// Between two looks whether a full disk has room again.
constexpr std::chrono::milliseconds kSpaceProbePause{1000};

// Of a write that was not begun, while the writer is fenced.
Error Refusal(const Error& fence) {
  return {fence.code == ErrorCode::kLeaderChanged ? fence.code : ErrorCode::kUnavailable,
          fence.message};
}

}  // namespace

BatchWriter::BatchWriter(std::unique_ptr<sql::Connection> connection, sql::Database& database,
                         const Meta& meta, int64_t last_object_id, const Listeners& listeners,
                         const Clock& clock, Log& log)
    : connection_(std::move(connection)),
      database_(database),
      listeners_(listeners),
      clock_(clock),
      log_(log),
      compact_revision_(meta.compact_revision),
      meta_(meta),
      step_size_(limits::kCompactionStepTarget, limits::kCompactionStepRowsMin,
                 limits::kCompactionStepRowsMax),
      index_step_size_(limits::kCompactionStepTarget, limits::kCompactionStepRowsMin,
                       limits::kCompactionStepRowsMax),
      collection_step_size_(limits::kCollectionStepTarget, limits::kCollectionStepObjectsMin,
                            limits::kCollectionStepObjectsMax),
      last_object_id_(last_object_id),
      thread_([this] { Run(); }) {}

BatchWriter::~BatchWriter() {
  Stop();
}

void BatchWriter::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  reclaim_.request_stop();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string BatchWriter::failure() const {
  std::lock_guard lock(mutex_);
  return fence_ ? fence_->message : "";
}

void BatchWriter::Submit(std::unique_ptr<PendingWrite> write) {
  Error refusal{ErrorCode::kOverloaded, "too many writes are waiting"};
  {
    std::lock_guard lock(mutex_);
    if (fence_) {
      refusal = Refusal(*fence_);
    } else if (stopping_) {
      refusal = kStopping;
    } else if (queue_.size() < limits::kWriteQueueMax) {
      queue_.push_back(std::move(write));
    }
  }
  if (write == nullptr) {
    wake_.notify_one();
  } else {
    write->Fail(refusal);
  }
}

void BatchWriter::WhenCompacted(Done done) {
  AddWaiter(compaction_waiters_, std::move(done));
}

void BatchWriter::ReclaimSpace(Done done) {
  AddWaiter(space_waiters_, std::move(done));
}

void BatchWriter::AddWaiter(std::vector<Done>& waiters, Done done) {
  std::optional<Error> refusal;
  {
    std::lock_guard lock(mutex_);
    refusal = stopping_ ? kStopping : waits_ended_;
    if (!refusal) waiters.push_back(std::move(done));
  }
  if (refusal) return done(*refusal);
  wake_.notify_one();
}

void BatchWriter::EndWaits(const Error& reason) {
  reclaim_.request_stop();
  std::vector<Done> waiters;
  {
    std::lock_guard lock(mutex_);
    waits_ended_ = reason;
    waiters.swap(compaction_waiters_);
    std::move(space_waiters_.begin(), space_waiters_.end(), std::back_inserter(waiters));
    space_waiters_.clear();
  }
  for (const Done& done : waiters) done(reason);
}

void BatchWriter::GiveSpaceBack(const std::vector<Done>& waiters) {
  Reach(Failpoint::kDefragmentBegun);
  gives_space_back_ = true;
  const Result<void> reclaimed = database_.ReclaimSpace(*connection_, reclaim_.get_token());
  gives_space_back_ = false;
  Reach(Failpoint::kDefragmentEnded);
  listeners_.space.Measure(database_, *connection_);
  for (const Done& done : waiters) done(reclaimed);
}

void BatchWriter::Run() {
  NameThread("batch-writer");
  Writes writes;
  std::vector<Done> want_space;
  while (Take(writes, want_space)) {
    if (!want_space.empty()) GiveSpaceBack(std::exchange(want_space, {}));
    if (!writes.empty()) {
      RunBatch(std::exchange(writes, {}));
    } else if (no_space_) {
      ProbeSpace();
    }
    if (CollectionDue()) CollectionStep();
    if (MaintenanceDue()) MaintenanceStep();
    listeners_.space.Measure(database_, *connection_);
  }
  AnswerCompactionWaiters(kStopping);
}

bool BatchWriter::Take(Writes& writes, std::vector<Done>& want_space) {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] {
    return stopping_ || !queue_.empty() || !compaction_waiters_.empty() || !space_waiters_.empty();
  };
  const bool idle = !MaintenanceDue() && !CollectionDue();
  if (idle && no_space_) {
    wake_.wait_for(lock, kSpaceProbePause, wanted);
  } else if (idle) {
    wake_.wait(lock, wanted);
  }
  const size_t count = std::min(queue_.size(), limits::kWriteBatchMax);
  std::move(queue_.begin(), queue_.begin() + count, std::back_inserter(writes));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  if (!compaction_waiters_.empty()) compacting_ = true;
  want_space.swap(space_waiters_);
  return !stopping_ || count > 0 || !want_space.empty();
}

// Nobody else writes, so a conflict is the database's own: with a lock that it keeps for a reader,
// or with the writes of a node that does not know of this one's.
void BatchWriter::RunBatch(Writes writes) {
  Reach(Failpoint::kWriterTaken);
  const int attempts = database_.IsRemote() ? kConflictAttempts : 1;
  Result<void> committed = Ok();
  for (int attempt = 1; attempt <= attempts; ++attempt) {
    committed = TryBatch(writes, attempt == attempts);
    if (committed.ok() || committed.error().code != ErrorCode::kConflict) break;
    if (attempt < attempts) PauseAfterConflict(attempt);
  }
  if (!committed.ok()) {
    for (auto& write : writes) write->Fail(committed.error());
    return;
  }
  listeners_.metrics.OnBatch(writes.size());
  for (auto& write : writes) {
    write->Answer();
    Reach(Failpoint::kWriterAnswered);
  }
}

Result<void> BatchWriter::TryBatch(Writes& writes, bool last) {
  WriteBatch batch(*connection_, meta_, BatchContext());
  Result<void> committed = connection_->Begin(sql::Access::kWrite);
  if (committed.ok()) {
    committed = Commit(writes, batch, last);
    if (!committed.ok()) connection_->Rollback();
  }
  if (!committed.ok()) {
    NoteFailure(committed.error());
    if (committed.error().code == ErrorCode::kOutcomeUnknown) {
      committed = Settle(batch, committed.error(), writes);
    }
  }
  if (committed.ok()) {
    PublishBatch(batch);
  } else {
    indexes_stale_ = true;
  }
  return committed;
}

void BatchWriter::PauseAfterConflict(int attempt) {
  const auto pause = std::min(kConflictPauseMin * (1 << attempt), kConflictPauseMax);
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, pause, [this] { return stopping_; });
}

Result<void> BatchWriter::Commit(Writes& writes, WriteBatch& batch, bool last) {
  Reach(Failpoint::kWriterBegun);
  KUBASE_TRY(ReloadIndexes());
  if (database_.IsRemote()) KUBASE_TRY(Prefetch(writes, batch));
  for (auto& write : writes) {
    write->Apply(batch, last);
    if (batch.failed()) return batch.failure();
  }
  if (!batch.HasChanges()) {
    // Decided by what memory knows, perhaps: without a lease the guard has to confirm that.
    const bool leads = listeners_.leader_lease == nullptr || listeners_.leader_lease->Holds();
    if (!leads) return connection_->Commit();
    connection_->Rollback();
    return Ok();
  }
  Reach(Failpoint::kWriterApplied);
  KUBASE_TRY(batch.Finish());
  Reach(Failpoint::kWriterMetaWritten);
  KUBASE_TRY(connection_->Commit());
  Reach(Failpoint::kWriterCommitted);
  return Ok();
}

Result<void> BatchWriter::Prefetch(const Writes& writes, WriteBatch& batch) {
  std::vector<std::string_view> keys;
  for (const auto& write : writes) write->AddReads(keys);
  return batch.Prefetch(keys);
}

void BatchWriter::PublishBatch(WriteBatch& batch) {
  if (!batch.HasChanges()) return;
  no_space_ = false;
  const bool compacted = batch.meta().compact_revision != meta_.compact_revision;
  meta_ = batch.meta();
  listeners_.leases.Apply(batch.lease_changes());
  for (const auto& [alarm, raised] : batch.alarm_changes()) {
    if (alarm == Alarm::kNoSpace) listeners_.space.SetAlarmRaised(raised);
  }
  if (compacted) {
    compact_revision_ = meta_.compact_revision;
    listeners_.hub.SetCompactRevision(meta_.compact_revision);
    compacting_ = true;
    Reach(Failpoint::kCompactionTaken);
  }
  std::vector<WatchBatch> events = batch.TakeEvents();
  if (events.empty()) return;
  listeners_.attributes.Published();
  listeners_.kinds.OnCommitted(events);
  listeners_.counts.OnCommitted(events);
  listeners_.pairs.OnCommitted(events);
  listeners_.published.Set(meta_.revision);
  listeners_.hub.Publish(std::move(events));
  Reach(Failpoint::kWriterPublished);
}

void BatchWriter::ProbeSpace() {
  WriteBatch nothing(*connection_, meta_, BatchContext());
  Result<void> written = connection_->Begin(sql::Access::kWrite);
  if (written.ok()) {
    written = nothing.Finish();
    if (written.ok()) written = connection_->Commit();
    if (!written.ok()) connection_->Rollback();
  }
  if (written.ok()) {
    no_space_ = false;
  } else if (written.error().code == ErrorCode::kOutcomeUnknown) {
    Writes nobody;
    (void)Settle(nothing, written.error(), nobody);  // it is the same, done or not
  }
}

void BatchWriter::NoteFailure(const Error& error) {
  if (error.code == ErrorCode::kConflict) {
    log_.Warning("the database undid a batch of writes", {{"error", error.message}});
  } else {
    log_.Error("a batch of writes failed", {{"error", error.message}});
  }
  listeners_.metrics.OnBatchFailed(error);
  if (error.code == ErrorCode::kNoSpace) no_space_ = true;
  NoteLostLead(error);
  if (error.code != ErrorCode::kCorrupt) return;
  broken_ = true;
  Refuse(error);
}

void BatchWriter::NoteLostLead(const Error& error) {
  if (error.code != ErrorCode::kLeaderChanged) return;
  Refuse(error);
  if (listeners_.lead_lost) listeners_.lead_lost();
}

void BatchWriter::Refuse(const Error& reason) {
  Fence(reason);
  RefuseQueue(reason);
  if (reason.code == ErrorCode::kLeaderChanged) EndWaits(reason);
}

void BatchWriter::Fence(const Error& reason) {
  std::lock_guard lock(mutex_);
  listeners_.published.SetClosed(true);
  if (lead_lost_) return;
  lead_lost_ = reason.code == ErrorCode::kLeaderChanged;
  fence_ = reason;
}

void BatchWriter::RefuseQueue(const Error& reason) {
  std::deque<std::unique_ptr<PendingWrite>> refused;
  {
    std::lock_guard lock(mutex_);
    refused.swap(queue_);
  }
  for (auto& write : refused) write->Fail(Refusal(reason));
}

Result<void> BatchWriter::Settle(const WriteBatch& batch, const Error& cause, Writes& writes) {
  Refuse(cause);
  const MonotonicTime began = clock_.Now();
  for (auto pause = kSettlePauseMin;; pause = std::min(2 * pause, kSettlePauseMax)) {
    if (clock_.Now() - began >= kSettleAnswerAfter) {
      for (auto& write : std::exchange(writes, {})) write->Fail(cause);
    }
    const Result<bool> committed = SettleOnce(batch);
    if (!committed.ok()) NoteLostLead(committed.error());
    std::unique_lock lock(mutex_);
    if (lead_lost_) return cause;
    if (committed.ok()) {
      fence_.reset();
      listeners_.published.SetClosed(false);
      log_.Info("the database takes writes again",
                {{"last_batch", *committed ? "committed" : "undone"}});
      if (*committed) return Ok();
      return Error{ErrorCode::kUnavailable, cause.message};
    }
    fence_ = committed.error();
    broken_ = committed.error().code == ErrorCode::kCorrupt;
    if (wake_.wait_for(lock, pause, [this] { return stopping_ || broken_; })) return cause;
  }
}

Result<bool> BatchWriter::SettleOnce(const WriteBatch& batch) {
  KUBASE_TRY(database_.Settle(*connection_));
  KUBASE_ASSIGN_OR_RETURN(const Meta stored, ReadMeta(*connection_));
  return batch.WasCommitted(stored);
}

Result<void> BatchWriter::ReloadIndexes() {
  if (!indexes_stale_) return Ok();
  KUBASE_TRY(listeners_.attributes.Load(*connection_));
  KUBASE_TRY(listeners_.ownership.Load(*connection_, meta_));
  indexes_stale_ = false;
  return Ok();
}

WriteBatch::Context BatchWriter::BatchContext() {
  return {.leases = listeners_.leases,
          .pairs = listeners_.pairs,
          .attributes = listeners_.attributes,
          .ownership = listeners_.ownership,
          .skipped = listeners_.skipped,
          .last_object_id = last_object_id_,
          .no_space_raised = listeners_.space.alarm_raised()};
}

void BatchWriter::AnswerCompactionWaiters(const Result<void>& result) {
  std::vector<Done> waiters;
  {
    std::lock_guard lock(mutex_);
    waiters.swap(compaction_waiters_);
  }
  for (auto& done : waiters) done(result);
}

}  // namespace kubase::store
