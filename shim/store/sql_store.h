// SqlStore: the Store over one SQL database.
//
// Writes go to the batch writer, point reads run on the caller's thread when a connection is free,
// longer reads on the reader threads, watches in the hub. Stop order: readers, writer, hub.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/log_pacer.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/attribute_index.h"
#include "shim/store/batch_writer.h"
#include "shim/store/collector.h"
#include "shim/store/collector_metrics.h"
#include "shim/store/count_cache.h"
#include "shim/store/kind_counter.h"
#include "shim/store/leader_lease.h"
#include "shim/store/lease_table.h"
#include "shim/store/ownership.h"
#include "shim/store/pair_cache.h"
#include "shim/store/point_reads.h"
#include "shim/store/published_revision.h"
#include "shim/store/reader_pool.h"
#include "shim/store/space_guard.h"
#include "shim/store/store.h"
#include "shim/store/store_metrics.h"
#include "shim/store/watch_hub.h"

namespace kubase::store {

struct SqlStoreOptions {
  // How often an idle watcher that asked for it hears of progress (etcd's default).
  std::chrono::milliseconds progress_interval{std::chrono::minutes(10)};
  // How often expired leases are looked for (etcd's lessor does every 500 ms).
  std::chrono::milliseconds lease_check_interval{500};
  size_t ring_bytes_max = 0;        // 0: limits::kWatchRingBytesMax
  size_t pair_cache_bytes_max = 0;  // 0: limits::kPairCacheBytesMax
  int64_t quota_bytes = 0;          // of the database; 0: what its engine can hold
  uint64_t random_seed = 0;         // of lease ids chosen here; 0: from the system
  // While it does not hold, nothing is answered from memory. Must outlive the store; null: nobody
  // else can write to the database.
  const LeaderLease* leader_lease = nullptr;
  // Called when the database is not what this process has written to it, from any thread; may be
  // empty. Nothing is written any more, then.
  std::function<void()> lead_lost;
  Revision served_revision = 0;  // the highest that this process has shown to anybody so far
  // False: all garbage is left to kube-controller-manager, which then has to see all objects.
  bool collects_garbage = true;
};

class SqlStore final : public Store {
 public:
  // The references must outlive the store; this process leads the database. Errors: those of the
  // database.
  static Result<std::unique_ptr<SqlStore>> Open(const SqlStoreOptions& options,
                                                sql::Database& database,
                                                prometheus::Registry& registry, const Clock& clock,
                                                Log& log);
  ~SqlStore() override;

  void Range(RangeRequest request, Callback<RangeResponse> done) override;
  void OpenRangeCursor(RangeRequest request, Callback<std::shared_ptr<RangeCursor>> done) override;
  void Put(PutRequest request, Callback<PutResponse> done) override;
  void DeleteRange(DeleteRangeRequest request, Callback<DeleteRangeResponse> done) override;
  void Txn(TxnRequest request, Callback<TxnResponse> done) override;
  void Compact(Revision revision, bool physical, Callback<Revision> done) override;
  void Grant(LeaseId id, int64_t ttl_seconds, Callback<LeaseGrantResponse> done) override;
  void Revoke(LeaseId id, Callback<Revision> done) override;
  void KeepAlive(LeaseId id, Callback<LeaseKeepAliveResponse> done) override;
  void TimeToLive(LeaseId id, bool with_keys, Callback<LeaseTimeToLiveResponse> done) override;
  void List(Callback<std::vector<LeaseId>> done) override;
  void Status(Callback<StoreStatus> done) override;
  std::vector<KindCount> CountKinds() const override { return kinds_.Read(); }
  void Defragment(Callback<Revision> done) override;
  void HashKv(Revision revision, Callback<HashKvResponse> done) override;
  void OpenSnapshot(Callback<std::shared_ptr<ByteCursor>> done) override;
  void PreviewDeletion(PreviewRequest request, Callback<DeletionPreview> done) override;
  void RaiseNoSpace(Callback<Revision> done) override;
  void DisarmNoSpace(Callback<Revision> done) override;
  WatchSource& watches() override { return hub_; }
  Revision current_revision() const override { return published_.get(); }

  // While all free space is given back nothing is written, and that may take hours. Any thread.
  bool gives_space_back() const { return writer_->gives_space_back(); }

  // Another process leads the database: nobody waits any more for what will not come. Any thread.
  void LoseLead();
  // Before who asked is waited for: answers what may take long, as the end of a compaction. Any
  // thread.
  void PrepareStop();
  // Answers what was accepted, then refuses; watchers get no further call. Idempotent.
  void Stop();

 private:
  SqlStore(const SqlStoreOptions& options, sql::Database& database, prometheus::Registry& registry,
           const Clock& clock, Log& log, const Meta& meta, std::unique_ptr<ReaderPool> readers);
  void CountKindsInBackground();
  void CountKindsIfDue();
  void CountKindsLater();
  Result<void> LoadIndexes(sql::Connection& connection, const Meta& meta);
  Result<void> StartThreads(std::unique_ptr<sql::Connection> write_connection, const Meta& meta);
  WatchHub::CatchUp MakeCatchUp();

  bool MemoryIsCurrent() const {
    return options_.leader_lease == nullptr || options_.leader_lease->Holds();
  }
  // The latest pair of a key, if memory knows it.
  std::optional<Result<RangeResponse>> GetFromMemory(const std::string& key);
  Result<RangeResponse> GetLatest(sql::Connection& connection, const std::string& key);

  // Runs `read` on a reader thread and answers with its result, or kOverloaded.
  template <typename T, typename Read>
  void PostRead(Callback<T> done, Read read);
  template <typename T, typename Apply>
  void SubmitWrite(Callback<T> done, Apply apply);
  template <typename Request, typename Response>
  void SubmitRequest(Request request, Callback<Response> done,
                     Result<Response> (*rule)(WriteBatch&, Request));
  // False: the request is refused, and `done` has been called.
  template <typename T>
  bool FitsKeys(size_t longest, const Callback<T>& done);
  // False: the request is refused, and `done` has been or will be called.
  template <typename T>
  bool HasRoom(int64_t cost_bytes, const Callback<T>& done);
  void StoreNoSpace(bool raised, Callback<Revision> done);

  void RunLeaseKeeper();
  void RevokeExpired(LeaseId id);

  const SqlStoreOptions options_;
  sql::Database& database_;
  const Clock& clock_;
  Log& log_;
  const int64_t cluster_id_;
  SpaceGuard space_;
  const std::shared_ptr<CompactionHolds> holds_;  // other owners: snapshots that are being read
  std::mt19937_64 random_;                        // the writer's thread only
  LeaseTable leases_;
  LogPacer failed_revokes_;
  KindCounter kinds_;
  // After a count that failed; of who counts, which one does at a time, and then of
  // count_kinds_at_.
  std::chrono::seconds count_kinds_pause_{0};
  std::atomic<MonotonicTime> count_kinds_at_{MonotonicTime::max()};
  KindFields fields_;
  AttributeIndex attributes_;
  Ownership ownership_;
  CountCache counts_;
  PairCache pairs_;
  const ReadMemory memory_;
  PublishedRevision published_;
  StoreMetrics metrics_;
  CollectorMetrics collector_metrics_;
  SkippedObjects skipped_;
  Collector collector_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<PointReads> together_;  // null: gets are cheapest one by one
  WatchHub hub_;
  std::unique_ptr<BatchWriter> writer_;

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread lease_keeper_;
};

}  // namespace kubase::store
