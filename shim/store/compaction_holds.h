// CompactionHolds: backups that are being read, from whose revision on compaction takes no rows.
//
// A compaction is valid at once for everybody else; only the removal of its rows waits. Holds are
// in memory: whoever leads the database later removes what it finds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "shim/base/clock.h"
#include "shim/store/types.h"

namespace kubase::store {

// Any thread. Owned by shared pointers, as holds may outlive the store.
class CompactionHolds : public std::enable_shared_from_this<CompactionHolds> {
 public:
  class Hold;

  // The clock must outlive the last call of Take, RemovableTo and Renew.
  explicit CompactionHolds(const Clock& clock) : clock_(clock) {}

  // Called when a hold ends and rows were not removable for a hold; empty: nobody any more. It must
  // not call this.
  void OnEnd(std::function<void()> on_end);

  // Keeps what a read at `revision` or later needs. It has to be published: what was removed before
  // this call is not seen by snapshots that begin behind it.
  std::unique_ptr<Hold> Take(Revision revision);

  // The revision, at most `compact_revision`, up to which rows may be removed now. Ends holds that
  // were not renewed for limits::kCompactionHoldIdleMax.
  Revision RemovableTo(Revision compact_revision);

 private:
  struct State {
    Revision revision = 0;
    MonotonicTime renewed_at;
  };

  bool Renew(uint64_t id);
  void End(uint64_t id);

  const Clock& clock_;
  std::mutex mutex_;
  std::function<void()> on_end_;    // guarded by mutex_
  bool rows_are_left_ = false;      // guarded by mutex_; by the last RemovableTo
  uint64_t last_id_ = 0;            // guarded by mutex_
  std::map<uint64_t, State> held_;  // guarded by mutex_; those of backups that run now
};

// Ends with its destruction.
class CompactionHolds::Hold {
 public:
  Hold(std::shared_ptr<CompactionHolds> holds, uint64_t id) : holds_(std::move(holds)), id_(id) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { holds_->End(id_); }

  // False: it has ended. True, in a snapshot that has begun: the snapshot has the rows.
  bool Renew() { return holds_->Renew(id_); }

 private:
  const std::shared_ptr<CompactionHolds> holds_;
  const uint64_t id_;
};

}  // namespace kubase::store
