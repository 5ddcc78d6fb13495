// What the writer does between batches: compaction, the indexes, the collection of garbage, giving
// space back; a bounded step of each at a time.
#include <chrono>
#include <memory>
#include <utility>

#include "shim/base/failpoint.h"
#include "shim/store/batch_writer.h"
#include "shim/store/in_transaction.h"

namespace kubase::store {
namespace {

// After a failed maintenance step (a full disk, a busy file) the next one waits this long.
constexpr std::chrono::milliseconds kMaintenancePause{500};

// A step of the collector of garbage, as one more write.
class CollectionTurn final : public PendingWrite {
 public:
  // `failed` is set when it was not committed.
  CollectionTurn(Collector& collector, int64_t objects, bool& failed)
      : collector_(collector), objects_(objects), failed_(failed) {}

  void Apply(WriteBatch& batch, bool) override {
    batch.NoteOutcome(collector_.Step(batch, objects_));
    Reach(Failpoint::kCollectionApplied);
  }
  void Answer() override { collector_.End(true); }
  void Fail(const Error&) override {
    collector_.End(false);
    failed_ = true;
  }

 private:
  Collector& collector_;
  const int64_t objects_;
  bool& failed_;
};

}  // namespace

void BatchWriter::MaintenanceStep() {
  const auto step = [this]() -> Result<bool> {
    const bool index_has_turn = std::exchange(index_has_turn_, !index_has_turn_);
    const bool has_index_work = listeners_.attributes.HasWork();
    if (compacting_ && !(has_index_work && index_has_turn)) {
      KUBASE_ASSIGN_OR_RETURN(const int64_t rows, CompactStep());
      Reach(Failpoint::kCompactionStep);
      if (rows == 0) OnCompacted();
      return true;
    }
    if (has_index_work) {
      KUBASE_TRY(IndexStep());
      return true;
    }
    KUBASE_ASSIGN_OR_RETURN(reclaiming_, database_.ReclaimSpaceStep(*connection_));
    Reach(Failpoint::kSpaceReclaimStep);
    return true;
  };
  const Result<bool> done = step();
  if (done.ok()) return;
  NoteLostLead(done.error());
  if (const auto unlogged = failed_steps_.Note(done.error().code); unlogged) {
    log_.Warning("a step of compaction failed; trying again",
                 {{"error", done.error().message}, {"unlogged", *unlogged}});
  }
  listeners_.metrics.OnCompacted(false);
  if (done.error().code == ErrorCode::kOutcomeUnknown) {
    SettleNothing(done.error());
  } else {
    PauseMaintenance();
  }
}

void BatchWriter::PauseMaintenance() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kMaintenancePause, [this] { return stopping_ || !queue_.empty(); });
}

void BatchWriter::CollectionStep() {
  const MonotonicTime began = clock_.Now();
  bool failed = false;
  Writes step;
  step.push_back(
      std::make_unique<CollectionTurn>(listeners_.collector, collection_step_size_.rows(), failed));
  RunBatch(std::move(step));
  collection_step_size_.Note(clock_.Now() - began);
  if (failed) PauseMaintenance();
}

void BatchWriter::OnCompacted() {
  compacting_ = false;
  reclaiming_ = true;
  Reach(Failpoint::kCompactionEnded);
  if (meta_.compact_revision > 0) listeners_.metrics.OnCompacted(true);
  AnswerCompactionWaiters(Ok());
}

Result<int64_t> BatchWriter::CompactStep() {
  if (meta_.compact_revision <= 0) return int64_t{0};
  const MonotonicTime began = clock_.Now();
  const Result<int64_t> rows = InTransaction(*connection_, [this] { return DeleteCompacted(); });
  step_size_.Note(clock_.Now() - began);
  return rows;
}

Result<int64_t> BatchWriter::DeleteCompacted() {
  const Revision removable = listeners_.holds.RemovableTo(meta_.compact_revision);
  const sql::Value params[] = {removable, step_size_.rows()};
  KUBASE_ASSIGN_OR_RETURN(const int64_t pairs,
                          connection_->Execute(sql::Query::kCompactHistory, params));
  KUBASE_ASSIGN_OR_RETURN(const int64_t changes,
                          connection_->Execute(sql::Query::kCompactChanges, params));
  KUBASE_ASSIGN_OR_RETURN(const int64_t attributes,
                          AttributeIndex::Compact(*connection_, removable, step_size_.rows()));
  return pairs + changes + attributes;
}

Result<void> BatchWriter::IndexStep() {
  const MonotonicTime began = clock_.Now();
  const Result<void> done = InTransaction(*connection_, [this]() -> Result<void> {
    KUBASE_TRY(ReloadIndexes());
    if (!listeners_.attributes.HasWork()) return Ok();
    return listeners_.attributes.Step(*connection_, meta_.revision, index_step_size_.rows(),
                                      [this](const KeyValue& object) {
                                        return listeners_.ownership.Admit(*connection_, object);
                                      });
  });
  indexes_stale_ = !done.ok();
  index_step_size_.Note(clock_.Now() - began);
  return done;
}

}  // namespace kubase::store
