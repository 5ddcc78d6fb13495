// Routes each request to the thread that may serve it.
#include "shim/store/sql_store.h"

#include <algorithm>
#include <utility>

#include "shim/base/executor.h"
#include "shim/base/failpoint.h"
#include "shim/base/limits.h"
#include "shim/store/change_reader.h"
#include "shim/store/cursors.h"
#include "shim/store/deletion_preview.h"
#include "shim/store/hash.h"
#include "shim/store/lost_revisions.h"
#include "shim/store/pairs.h"
#include "shim/store/sql_store_calls.h"
#include "shim/store/txn.h"

namespace kubase::store {
namespace {

bool IsPlainGet(const RangeRequest& request) {
  return request.range.IsSingle() && request.revision <= 0 && !request.count_only &&
         !request.keys_only && request.selector == nullptr && !request.NeedsWholeRange();
}

Result<RangeResponse> ReadInSnapshot(sql::Connection& connection, const RangeRequest& request,
                                     PublishedRevision& published, ReadMemory memory) {
  if (request.IsAbandoned()) return kAbandonedRead;
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection, published));
  return ReadRange(connection, snapshot.meta(), request, memory);
}

// After counts of kinds that failed; doubled each time.
constexpr std::chrono::seconds kCountKindsPauseMin{10};
constexpr std::chrono::seconds kCountKindsPauseMax{3600};

ReaderPool::Options ReaderOptions(const sql::Database& database) {
  const sql::PoolLimits limits = database.pool_limits();
  ReaderPool::Options options{.idle_max = limits.idle_max, .queue_max = limits::kReadQueueMax};
  if (database.IsRemote()) {  // nothing is read on the caller's thread, which would have to wait
    const int others = sql::kOpenConnectionsMin - 1;
    options.threads = limits.open_max > 0
                          ? std::clamp(limits.open_max - others, 1, limits::kRemoteReaders)
                          : limits::kRemoteReaders;
    options.inline_connections = 0;
  } else {
    const unsigned cores = std::max(2U, std::thread::hardware_concurrency());
    options.threads = static_cast<int>(std::min(cores, 8U));
    options.inline_connections = options.threads;
  }
  return options;
}

// Nothing can be done about it here, and whoever runs the server may have chosen it.
Result<void> TellDurabilityRisk(sql::Database& database, sql::Connection& connection, Log& log) {
  KUBASE_ASSIGN_OR_RETURN(const std::string risk, database.ReadDurabilityRisk(connection));
  if (risk.empty()) return Ok();
  log.Warning(
      "the database server acknowledges writes before they are on its disk, so that an outage of "
      "its machine can lose them; change its settings",
      {{"settings", risk}});
  return Ok();
}

}  // namespace

Result<std::unique_ptr<SqlStore>> SqlStore::Open(const SqlStoreOptions& options,
                                                 sql::Database& database,
                                                 prometheus::Registry& registry, const Clock& clock,
                                                 Log& log) {
  KUBASE_ASSIGN_OR_RETURN(auto connection, database.Connect(sql::Access::kWrite));
  KUBASE_ASSIGN_OR_RETURN(const Meta meta,
                          PassLostRevisions(database, *connection, options.served_revision, log));
  KUBASE_TRY(TellDurabilityRisk(database, *connection, log));
  KUBASE_ASSIGN_OR_RETURN(auto readers, ReaderPool::Open(database, ReaderOptions(database)));
  auto store = std::unique_ptr<SqlStore>(
      new SqlStore(options, database, registry, clock, log, meta, std::move(readers)));
  KUBASE_TRY(store->leases_.Load(*connection));
  KUBASE_TRY(store->space_.Load(*connection));
  store->space_.Measure(database, *connection);
  KUBASE_TRY(store->LoadIndexes(*connection, meta));
  KUBASE_TRY(store->StartThreads(std::move(connection), meta));
  Reach(Failpoint::kStoreOpened);
  return store;
}

SqlStore::SqlStore(const SqlStoreOptions& options, sql::Database& database,
                   prometheus::Registry& registry, const Clock& clock, Log& log, const Meta& meta,
                   std::unique_ptr<ReaderPool> readers)
    : options_(options),
      database_(database),
      clock_(clock),
      log_(log),
      cluster_id_(meta.cluster_id),
      space_(options.quota_bytes, clock),
      holds_(std::make_shared<CompactionHolds>(clock)),
      random_(options.random_seed != 0 ? options.random_seed : std::random_device{}()),
      leases_(clock),
      failed_revokes_(clock),
      attributes_(fields_),
      ownership_(clock, options.collects_garbage),
      counts_(meta.revision),
      pairs_(options.pair_cache_bytes_max != 0 ? options.pair_cache_bytes_max
                                               : limits::kPairCacheBytesMax),
      // A server's database can be another's meanwhile, whose revisions memory does not know.
      memory_{.counts = &counts_, .pairs = database.IsRemote() ? nullptr : &pairs_},
      published_(meta.revision, options.lead_lost),
      metrics_(registry),
      collector_metrics_(registry),
      skipped_(collector_metrics_, log),
      collector_(ownership_, collector_metrics_, skipped_, clock),
      readers_(std::move(readers)),
      together_(database.IsRemote() ? std::make_unique<PointReads>(*readers_, published_, pairs_)
                                    : nullptr),
      hub_({.ring_bytes_max =
                options.ring_bytes_max != 0 ? options.ring_bytes_max : limits::kWatchRingBytesMax,
            .catch_up_events_max = limits::kWatchCatchUpEventsMax,
            .progress_interval = options.progress_interval,
            .revision = meta.revision,
            .compact_revision = meta.compact_revision,
            .is_current = [this] { return MemoryIsCurrent(); }},
           published_, fields_, MakeCatchUp(), clock, log) {}

SqlStore::~SqlStore() {
  Stop();
}

// A database from before there was an index, or restored from a snapshot, has objects and no kinds;
// one of another version may have entries of another form.
Result<void> SqlStore::LoadIndexes(sql::Connection& connection, const Meta& meta) {
  KUBASE_TRY(ownership_.Load(connection, meta));
  KUBASE_TRY(collector_.OnLoaded(connection));
  KUBASE_TRY(attributes_.Load(connection));
  attributes_.Published();
  if (attributes_.IsCurrent()) return Ok();
  KUBASE_TRY(connection.Begin(sql::Access::kWrite));
  Result<void> surveyed = attributes_.Survey(connection, meta);
  if (surveyed.ok()) surveyed = connection.Commit();
  if (!surveyed.ok()) connection.Rollback();
  attributes_.Published();
  return surveyed;
}

Result<void> SqlStore::StartThreads(std::unique_ptr<sql::Connection> write_connection,
                                    const Meta& meta) {
  int64_t last_object_id = 0;
  KUBASE_TRY(write_connection->Select(sql::Query::kMaxObjectId, {}, [&](const sql::Row& row) {
    last_object_id = row.Int(0);
    return false;
  }));
  writer_ =
      std::make_unique<BatchWriter>(std::move(write_connection), database_, meta, last_object_id,
                                    BatchWriter::Listeners{.leases = leases_,
                                                           .hub = hub_,
                                                           .kinds = kinds_,
                                                           .counts = counts_,
                                                           .pairs = pairs_,
                                                           .published = published_,
                                                           .space = space_,
                                                           .holds = *holds_,
                                                           .metrics = metrics_,
                                                           .attributes = attributes_,
                                                           .ownership = ownership_,
                                                           .skipped = skipped_,
                                                           .collector = collector_,
                                                           .lead_lost = options_.lead_lost,
                                                           .leader_lease = options_.leader_lease},
                                    clock_, log_);
  // Nobody waits for it.
  holds_->OnEnd([this] { writer_->WhenCompacted([](const Result<void>&) {}); });
  CountKindsInBackground();
  lease_keeper_ = std::thread([this] { RunLeaseKeeper(); });
  return Ok();
}

void SqlStore::CountKindsInBackground() {
  const bool posted = readers_->Post([this](sql::Connection& connection) {
    const Result<void> loaded = kinds_.Load(connection, published_);
    if (loaded.ok()) return;
    if (count_kinds_pause_.count() == 0) {
      log_.Warning("cannot count the stored objects yet; the status page shows none",
                   {{"error", loaded.error().message}});
    }
    CountKindsLater();
  });
  if (!posted) CountKindsLater();
}

void SqlStore::CountKindsLater() {
  count_kinds_pause_ = std::clamp(2 * count_kinds_pause_, kCountKindsPauseMin, kCountKindsPauseMax);
  count_kinds_at_ = clock_.Now() + count_kinds_pause_;
}

void SqlStore::CountKindsIfDue() {
  if (clock_.Now() < count_kinds_at_.load()) return;
  count_kinds_at_ = MonotonicTime::max();
  CountKindsInBackground();
}

void SqlStore::LoseLead() {
  writer_->Refuse(sql::kLedByAnother);
}

void SqlStore::PrepareStop() {
  writer_->EndWaits(kStopping);
}

void SqlStore::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (lease_keeper_.joinable()) lease_keeper_.join();
  readers_->Stop();
  holds_->OnEnd({});
  if (writer_ != nullptr) writer_->Stop();
  hub_.Stop();
}

WatchHub::CatchUp SqlStore::MakeCatchUp() {
  return [this](ChangeQuery query, std::function<void(Result<WatchBatch>)> done) {
    PostRead<WatchBatch>(std::move(done),
                         [this, query = std::move(query)](sql::Connection& connection) {
                           return ReadChanges(connection, published_, query);
                         });
  };
}

void SqlStore::Range(RangeRequest request, Callback<RangeResponse> done) {
  if (IsPlainGet(request)) {
    if (auto known = GetFromMemory(request.range.key); known) return done(std::move(*known));
    if (together_ != nullptr) return together_->Get(std::move(request), std::move(done));
    Result<RangeResponse> response = kTooManyReads;
    const bool answered = readers_->TryRun(
        [&](sql::Connection& connection) { response = GetLatest(connection, request.range.key); });
    if (answered) return done(std::move(response));
  }
  PostRead<RangeResponse>(std::move(done),
                          [this, request = std::move(request)](sql::Connection& connection) {
                            return ReadInSnapshot(connection, request, published_, memory_);
                          });
}

std::optional<Result<RangeResponse>> SqlStore::GetFromMemory(const std::string& key) {
  // Before the look at the key: what is found may be newer than this, never older.
  const Revision published = published_.get();
  const auto state = pairs_.Find(key);
  if (!state) return std::nullopt;
  if (const Result<void> wait = published_.Wait(state->since); !wait.ok()) return wait.error();
  if (!MemoryIsCurrent()) return std::nullopt;
  return AnswerGet(std::max(published, state->since), state->pair);
}

// One statement, hence one snapshot of pair and revision.
Result<RangeResponse> SqlStore::GetLatest(sql::Connection& connection, const std::string& key) {
  const Revision known = published_.get();
  Revision revision = 0;
  KeyValuePtr pair;
  const sql::Value params[] = {key};
  KUBASE_TRY(connection.Select(sql::Query::kGetWithMeta, params, [&](const sql::Row& row) {
    revision = row.Int(0);
    if (!row.IsNull(2)) pair = std::make_shared<const KeyValue>(ParsePair(row, 2));
    return false;
  }));
  KUBASE_TRY(published_.Reach(revision, known));
  pairs_.Learn(key, pair, revision);
  return AnswerGet(revision, std::move(pair));
}

void SqlStore::OpenRangeCursor(RangeRequest request, Callback<std::shared_ptr<RangeCursor>> done) {
  if (request.NeedsWholeRange()) {
    done(Error{ErrorCode::kUnsupported, "a stream cannot be sorted or filtered by revision"});
    return;
  }
  done(MakeRangeCursor(*readers_, published_, memory_, std::move(request)));
}

void SqlStore::Put(PutRequest request, Callback<PutResponse> done) {
  if (!FitsKeys(LongestPutKey(request), done)) return;
  if (!HasRoom(SpaceCost(request), done)) return;
  SubmitRequest(std::move(request), std::move(done), ApplyPut);
}

void SqlStore::DeleteRange(DeleteRangeRequest request, Callback<DeleteRangeResponse> done) {
  SubmitRequest(std::move(request), std::move(done), ApplyDeleteRange);
}

void SqlStore::Txn(TxnRequest request, Callback<TxnResponse> done) {
  if (!FitsKeys(LongestPutKey(request), done)) return;
  if (!HasRoom(SpaceCost(request), done)) return;
  SubmitRequest(std::move(request), std::move(done), ApplyTxn);
}

void SqlStore::Compact(Revision revision, bool physical, Callback<Revision> done) {
  Callback<Revision> answer = done;
  if (physical) {
    answer = [this, done = std::move(done)](Result<Revision> compacted) {
      if (!compacted.ok()) {
        done(std::move(compacted));
        return;
      }
      writer_->WhenCompacted([done, current = *compacted](Result<void> removed) {
        removed.ok() ? done(current) : done(removed.error());
      });
    };
  }
  SubmitWrite(std::move(answer), [revision](WriteBatch& batch) -> Result<Revision> {
    if (revision <= batch.meta().compact_revision) {
      return Error{ErrorCode::kCompacted, "the revision was compacted already"};
    }
    if (revision > batch.meta().revision) {
      return Error{ErrorCode::kFutureRevision, "the revision does not exist yet"};
    }
    batch.Compact(revision);
    return batch.meta().revision;
  });
}

void SqlStore::Status(Callback<StoreStatus> done) {
  StoreStatus status{.cluster_id = static_cast<uint64_t>(cluster_id_),
                     .member_id = static_cast<uint64_t>(cluster_id_),
                     .engine = database_.engine(),
                     .revision = published_.get(),
                     .compact_revision = writer_->compact_revision(),
                     .watchers = hub_.watchers(),
                     .slow_watchers = hub_.slow_watchers(),
                     .leases = leases_.size(),
                     .no_space = space_.alarm_raised() || writer_->no_space(),
                     .failure = writer_->failure(),
                     .broken = writer_->broken()};
  PostRead<StoreStatus>(
      std::move(done), [this, status](sql::Connection& connection) -> Result<StoreStatus> {
        KUBASE_ASSIGN_OR_RETURN(const sql::SpaceUsage usage, database_.ReadSpaceUsage(connection));
        StoreStatus full = status;
        full.db_size_bytes = usage.total_bytes;
        full.db_size_in_use_bytes = usage.in_use_bytes;
        full.db_size_limit_bytes =
            space_.quota_bytes() > 0 ? space_.quota_bytes() : usage.limit_bytes;
        return full;
      });
}

void SqlStore::Defragment(Callback<Revision> done) {
  writer_->ReclaimSpace([this, done = std::move(done)](Result<void> reclaimed) {
    reclaimed.ok() ? done(current_revision()) : done(reclaimed.error());
  });
}

void SqlStore::HashKv(Revision revision, Callback<HashKvResponse> done) {
  PostRead<HashKvResponse>(std::move(done), [this, revision](sql::Connection& connection) {
    return HashVersions(connection, published_, revision);
  });
}

void SqlStore::OpenSnapshot(Callback<std::shared_ptr<ByteCursor>> done) {
  done(MakeSnapshotCursor(*readers_, published_, *holds_, [this] { return MemoryIsCurrent(); }));
}

void SqlStore::PreviewDeletion(PreviewRequest request, Callback<DeletionPreview> done) {
  PostRead<DeletionPreview>(
      std::move(done),
      [this, request = std::move(request)](sql::Connection& connection) -> Result<DeletionPreview> {
        KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot,
                                ReadSnapshot::Begin(connection, published_));
        return SimulateDeletion(connection, snapshot.meta(),
                                {.clock = clock_, .storage_collects = options_.collects_garbage},
                                request);
      });
}

void SqlStore::RaiseNoSpace(Callback<Revision> done) {
  StoreNoSpace(true, std::move(done));
}

void SqlStore::DisarmNoSpace(Callback<Revision> done) {
  writer_->ClearNoSpace();
  if (!space_.alarm_raised()) return done(current_revision());
  StoreNoSpace(false, std::move(done));
}

void SqlStore::StoreNoSpace(bool raised, Callback<Revision> done) {
  SubmitWrite<Revision>(std::move(done), [raised](WriteBatch& batch) -> Result<Revision> {
    batch.SetAlarm(Alarm::kNoSpace, raised);
    return batch.meta().revision;
  });
}

}  // namespace kubase::store
