// BatchWriter: the one thread that writes.
//
// It takes everything that waits, evaluates it in one WriteBatch inside one SQL transaction,
// commits once, and only then tells the watchers and answers the callers, in that order. Between
// batches it compacts, collects garbage and gives space back in small steps, so that none of them
// holds writers up.
//
// A commit whose outcome is unknown fences the store: every later request fails until the database
// tells what really happened.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/log_pacer.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/collector.h"
#include "shim/store/compaction_holds.h"
#include "shim/store/count_cache.h"
#include "shim/store/kind_counter.h"
#include "shim/store/leader_lease.h"
#include "shim/store/lease_table.h"
#include "shim/store/pair_cache.h"
#include "shim/store/pending_write.h"
#include "shim/store/published_revision.h"
#include "shim/store/read_ahead.h"
#include "shim/store/space_guard.h"
#include "shim/store/step_size.h"
#include "shim/store/store.h"
#include "shim/store/store_metrics.h"
#include "shim/store/watch_hub.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// What a write gets, and who waits, once the store stops.
inline const Error kStopping{ErrorCode::kUnavailable, "the store is stopping"};

class BatchWriter {
 public:
  // Who hears of what was done, before its callers are answered.
  struct Listeners {
    LeaseTable& leases;
    WatchHub& hub;
    KindCounter& kinds;
    CountCache& counts;
    PairCache& pairs;
    PublishedRevision& published;
    SpaceGuard& space;
    CompactionHolds& holds;
    StoreMetrics& metrics;
    // Loaded; from here on the writer's thread alone uses these.
    AttributeIndex& attributes;
    Ownership& ownership;
    SkippedObjects& skipped;
    Collector& collector;
    // As SqlStoreOptions has them.
    std::function<void()> lead_lost;
    const LeaderLease* leader_lease;
  };

  // `connection` is the writer's own; the references must outlive it. `last_object_id`: of the
  // objects that are there.
  BatchWriter(std::unique_ptr<sql::Connection> connection, sql::Database& database,
              const Meta& meta, int64_t last_object_id, const Listeners& listeners,
              const Clock& clock, Log& log);
  ~BatchWriter();

  // Takes `write`, or answers it at once with kOverloaded, or with kUnavailable after Stop and
  // while the store is fenced. Any thread; never blocks.
  void Submit(std::unique_ptr<PendingWrite> write);

  // Refuses everything from now on, also what waits, with `reason`. Any thread.
  void Refuse(const Error& reason);

  using Done = std::function<void(Result<void>)>;

  // Removes the rows that compactions committed so far have left and nothing holds, then calls
  // `done`. Any thread.
  void WhenCompacted(Done done);
  // Calls `done` when all free space was given back, by the writer's thread. Any thread.
  void ReclaimSpace(Done done);
  // Answers `reason` to who waits for one of these, now and from now on, and gives no more space
  // back: it could take for ever. Any thread.
  void EndWaits(const Error& reason);

  // Finishes what was accepted, then ends the thread. Idempotent.
  void Stop();

  Revision compact_revision() const { return compact_revision_; }
  bool no_space() const { return no_space_; }
  void ClearNoSpace() { no_space_ = false; }
  std::string failure() const;             // why the store is fenced; empty: it is not
  bool broken() const { return broken_; }  // fenced for good
  // Which may take hours, in which nothing is written.
  bool gives_space_back() const { return gives_space_back_; }

 private:
  using Writes = std::vector<std::unique_ptr<PendingWrite>>;

  void Run();
  // How many of the writes that wait are to be a batch. With mutex_ held.
  size_t CountToTake();
  // Takes what waits; with nothing to do it blocks. False: stop.
  bool Take(Writes& writes, std::vector<Done>& want_space);
  void GiveSpaceBack(const std::vector<Done>& waiters);
  // Adds `done` to `waiters`, or answers it at once.
  void AddWaiter(std::vector<Done>& waiters, Done done);
  void RunBatch(Writes writes);
  // What is to be created is taken to be absent, or is read first.
  enum class Creations { kGuessed, kRead };
  struct Attempt {
    Creations creations = Creations::kRead;
    bool last = true;
  };
  // Success: the batch is durable and published. kConflict, and kAlreadyExists (after a guess: it
  // was wrong; else the database contradicts itself): `writes` are as they were, unless this was
  // the last attempt.
  Result<void> TryBatch(Writes& writes, const Attempt& attempt);
  // As TryBatch, without kAlreadyExists: guessed where that saves a round trip, and read if the
  // guess was wrong.
  Result<void> GuessOrRead(Writes& writes, bool last);
  // On success the batch is durable.
  Result<void> Commit(Writes& writes, WriteBatch& batch, const Attempt& attempt);
  // With what the writes that wait will read.
  Result<void> CommitAndReadAhead(const WriteBatch& batch);
  // Between two attempts; not while the store is stopping.
  void PauseAfterConflict(int attempt);
  Result<void> Prefetch(const Writes& writes, WriteBatch& batch, Creations creations);
  void PublishBatch(WriteBatch& batch);
  // Writes what is there already, to see whether a full disk has room again: nobody else may write.
  void ProbeSpace();
  void NoteFailure(const Error& error);
  // After a commit of unknown outcome: refuses everything until the database tells what became of
  // `batch`. Success: it was committed. kUnavailable: it was not. kOutcomeUnknown: stopped before
  // the database came back. When that takes long, `writes` are failed and emptied on the way.
  Result<void> Settle(const WriteBatch& batch, const Error& cause, Writes& writes);
  // The same for a transaction that is the same to all, done or not: but the database counts it.
  void SettleNothing(const Error& cause);
  // Whether the batch was committed.
  Result<bool> SettleOnce(const WriteBatch& batch);
  // Errors of other processes that lead: nothing is written any more.
  void NoteLostLead(const Error& error);
  // What a write gets that was not begun, while the writer is fenced so.
  static Error Refusal(const Error& fence);
  void Fence(const Error& reason);
  void RefuseQueue(const Error& reason);

  bool MaintenanceDue() const {
    return compacting_ || reclaiming_ || listeners_.attributes.HasWork();
  }
  void MaintenanceStep();
  void PauseMaintenance();
  // The index of owners has to be whole for it.
  bool CollectionDue() const {
    return listeners_.collector.HasWork() && !listeners_.attributes.IsFilling();
  }
  void CollectionStep();
  Result<void> IndexStep();
  WriteBatch::Context BatchContext();
  // After a batch or a step that was not committed.
  Result<void> ReloadIndexes();
  // Deletes some rows, and tells how many.
  Result<int64_t> CompactStep();
  Result<int64_t> DeleteCompacted();
  void OnCompacted();
  void AnswerCompactionWaiters(const Result<void>& result);

  const std::unique_ptr<sql::Connection> connection_;
  sql::Database& database_;
  const Listeners listeners_;
  const Clock& clock_;
  Log& log_;
  LogPacer failed_batches_;
  LogPacer failed_steps_;
  std::atomic<Revision> compact_revision_;
  std::atomic<bool> no_space_{false};
  std::atomic<bool> broken_{false};
  std::atomic<bool> gives_space_back_{false};
  std::stop_source reclaim_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<PendingWrite>> queue_;  // guarded by mutex_
  std::vector<Done> compaction_waiters_;             // guarded by mutex_
  std::vector<Done> space_waiters_;                  // guarded by mutex_
  std::optional<Error> waits_ended_;                 // guarded by mutex_
  std::optional<Error> fence_;                       // guarded by mutex_
  bool lead_lost_ = false;                           // fenced for good; guarded by mutex_
  bool stopping_ = false;                            // guarded by mutex_

  // The rest belongs to the writer's thread.
  Meta meta_;
  ReadAhead ahead_;
  bool compacting_ = true;  // rows of an earlier compaction may be left
  bool reclaiming_ = true;
  StepSize step_size_;
  StepSize index_step_size_;
  StepSize collection_step_size_;
  int64_t last_object_id_;
  bool index_has_turn_ = false;  // when there is something to compact as well
  bool indexes_stale_ = false;   // what memory knows of the indexes may not be committed
  std::thread thread_;
};

}  // namespace kubase::store
