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

// Attempts at a batch that conflicts keep undoing, which is a second and a half, and the pauses
// between them, doubled each time.
constexpr int kConflictAttempts = 12;
constexpr std::chrono::milliseconds kConflictPauseMin{1};
constexpr std::chrono::milliseconds kConflictPauseMax{256};
// Between two looks whether a full disk has room again.
constexpr std::chrono::milliseconds kSpaceProbePause{1000};

bool IsAlreadyThere(const Result<void>& committed) {
  return !committed.ok() && committed.error().code == ErrorCode::kAlreadyExists;
}

// The keys that it will read; views of it.
std::vector<std::string_view> ReadsOf(const PendingWrite& write) {
  NamedKeys keys;
  write.AddReads(keys);
  return std::move(keys.read);
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
      failed_batches_(clock),
      failed_steps_(clock),
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
  // A quota is held against the size of the database, free space included.
  const auto aim =
      listeners_.space.quota_bytes() > 0 ? sql::Reclaim::kSmaller : sql::Reclaim::kReuse;
  const Result<void> reclaimed = database_.ReclaimSpace(*connection_, aim, reclaim_.get_token());
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
    listeners_.space.MeasureIfDue(database_, *connection_);
  }
  AnswerCompactionWaiters(kStopping);
}

// Behind those that were read ahead, a write that needs a read of its own waits for the next batch.
size_t BatchWriter::CountToTake() {
  const size_t all = std::min(queue_.size(), limits::kWriteBatchMax);
  const size_t ahead = ahead_.TakeWrites();
  if (ahead == 0) return all;
  WriteBatch next(*connection_, meta_, BatchContext());
  size_t count = std::min(all, ahead);
  while (count < all && next.Knows(ReadsOf(*queue_[count]))) ++count;
  return count;
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
  const size_t count = CountToTake();
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
    committed = GuessOrRead(writes, attempt == attempts);
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

Result<void> BatchWriter::GuessOrRead(Writes& writes, bool last) {
  if (database_.IsRemote()) {
    Result<void> committed = TryBatch(writes, {.creations = Creations::kGuessed, .last = false});
    if (!IsAlreadyThere(committed)) return committed;
  }
  Result<void> committed = TryBatch(writes, {.creations = Creations::kRead, .last = last});
  if (!IsAlreadyThere(committed)) return committed;
  return Error{ErrorCode::kInternal, committed.error().message};
}

Result<void> BatchWriter::TryBatch(Writes& writes, const Attempt& attempt) {
  WriteBatch batch(*connection_, meta_, BatchContext());
  Result<void> committed = connection_->Begin(sql::Access::kWrite);
  if (committed.ok()) {
    committed = Commit(writes, batch, attempt);
    if (!committed.ok()) connection_->Rollback();
  }
  if (!committed.ok()) {
    const bool guessed = attempt.creations == Creations::kGuessed;
    if (!guessed || !IsAlreadyThere(committed)) NoteFailure(committed.error());
    if (committed.error().code == ErrorCode::kOutcomeUnknown) {
      committed = Settle(batch, committed.error(), writes);
    }
  }
  if (committed.ok()) {
    PublishBatch(batch);
  } else {
    indexes_stale_ = indexes_stale_ || listeners_.attributes.HasUncommitted() ||
                     listeners_.ownership.HasUncommitted();
  }
  return committed;
}

void BatchWriter::PauseAfterConflict(int attempt) {
  const auto pause = std::min(kConflictPauseMin * (1 << attempt), kConflictPauseMax);
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, pause, [this] { return stopping_; });
}

Result<void> BatchWriter::Commit(Writes& writes, WriteBatch& batch, const Attempt& attempt) {
  Reach(Failpoint::kWriterBegun);
  KUBASE_TRY(ReloadIndexes());
  if (database_.IsRemote()) KUBASE_TRY(Prefetch(writes, batch, attempt.creations));
  for (auto& write : writes) {
    write->Apply(batch, attempt.last);
    if (batch.failed()) return batch.failure();
  }
  if (!batch.HasChanges()) {
    if (batch.IsGuessing()) return kGuessUntold;
    // Decided by what memory knows, perhaps: without a lease the guard has to confirm that.
    const bool leads = listeners_.leader_lease == nullptr || listeners_.leader_lease->Holds();
    if (!leads) return connection_->Commit();
    connection_->Rollback();
    return Ok();
  }
  Reach(Failpoint::kWriterApplied);
  KUBASE_TRY(batch.Finish());
  Reach(Failpoint::kWriterMetaWritten);
  KUBASE_TRY(CommitAndReadAhead(batch));
  Reach(Failpoint::kWriterCommitted);
  return Ok();
}

Result<void> BatchWriter::CommitAndReadAhead(const WriteBatch& batch) {
  ahead_ = ReadAhead();
  if (database_.IsRemote()) {
    std::lock_guard lock(mutex_);
    const size_t count = std::min(queue_.size(), limits::kWriteBatchMax);
    for (size_t i = 0; i < count; ++i) ahead_.AddWrite(ReadsOf(*queue_[i]));
  }
  return ahead_.Commit(*connection_, listeners_.pairs, batch.meta().revision);
}

Result<void> BatchWriter::Prefetch(const Writes& writes, WriteBatch& batch, Creations creations) {
  NamedKeys keys;
  for (const auto& write : writes) write->AddReads(keys);
  if (creations == Creations::kGuessed && batch.Knows(keys.read)) {
    batch.GuessAbsent(keys.created);
    return Ok();
  }
  keys.read.insert(keys.read.end(), keys.created.begin(), keys.created.end());
  return batch.Prefetch(keys.read);
}

void BatchWriter::PublishBatch(WriteBatch& batch) {
  if (!batch.HasChanges()) return;
  no_space_ = false;
  listeners_.attributes.Committed();
  listeners_.ownership.Committed();
  listeners_.collector.ReportQueue();
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
    SettleNothing(written.error());
  }
}

Result<void> BatchWriter::ReloadIndexes() {
  if (!indexes_stale_) return Ok();
  KUBASE_TRY(listeners_.attributes.Load(*connection_));
  KUBASE_TRY(listeners_.ownership.Load(*connection_, meta_));
  KUBASE_TRY(listeners_.collector.OnLoaded(*connection_));
  indexes_stale_ = false;
  return Ok();
}

WriteBatch::Context BatchWriter::BatchContext() {
  return {.leases = listeners_.leases,
          .pairs = listeners_.pairs,
          .ahead = ahead_,
          .attributes = listeners_.attributes,
          .ownership = listeners_.ownership,
          .skipped = listeners_.skipped,
          .last_object_id = last_object_id_,
          .key_bytes_max = database_.key_bytes_max(),
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
