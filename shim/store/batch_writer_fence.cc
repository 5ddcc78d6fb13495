// What a write that failed means for those after it, and how a commit of unknown outcome is
// settled.
#include <chrono>
#include <utility>

#include "shim/store/batch_writer.h"

namespace kubase::store {
namespace {

// Between two attempts to settle a commit; doubled each time. For so long at most writes wait that
// the database would take again.
constexpr std::chrono::milliseconds kSettlePauseMin{50};
constexpr std::chrono::milliseconds kSettlePauseMax{500};
// After so much time the callers are told that the outcome is unknown; etcd lets them wait about as
// long.
constexpr std::chrono::milliseconds kSettleAnswerAfter{5000};

}  // namespace

Error BatchWriter::Refusal(const Error& fence) {
  return {fence.code == ErrorCode::kLeaderChanged ? fence.code : ErrorCode::kUnavailable,
          fence.message};
}

void BatchWriter::NoteFailure(const Error& error) {
  if (const auto unlogged = failed_batches_.Note(error.code); unlogged) {
    const bool conflict = error.code == ErrorCode::kConflict;
    log_.Write(conflict ? LogLevel::kWarning : LogLevel::kError,
               conflict ? "the database undid a batch of writes" : "a batch of writes failed",
               {{"error", error.message}, {"unlogged", *unlogged}});
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

void BatchWriter::SettleNothing(const Error& cause) {
  const WriteBatch nothing(*connection_, meta_, BatchContext());
  Writes nobody;
  (void)Settle(nothing, cause, nobody);
}

Result<bool> BatchWriter::SettleOnce(const WriteBatch& batch) {
  KUBASE_TRY(database_.Settle(*connection_));
  KUBASE_ASSIGN_OR_RETURN(const Meta stored, ReadMeta(*connection_));
  return batch.WasCommitted(stored);
}

}  // namespace kubase::store
