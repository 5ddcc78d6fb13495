// PublishedRevision: up to where commits have reached everything that answers from memory.
//
// A snapshot of the database can be a commit ahead of the caches for a moment. Whoever reads one
// waits for that moment to pass, so that no later answer is older than an earlier one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"

namespace kubase::store {

// Any thread.
class PublishedRevision {
 public:
  // `gone_back`: called when a snapshot shows less than what was published; may be empty.
  explicit PublishedRevision(Revision revision, std::function<void()> gone_back = {})
      : revision_(revision), gone_back_(std::move(gone_back)) {}

  Revision get() const { return revision_; }

  // From the writer, when the caches know the revision.
  void Set(Revision revision) {
    {
      const std::lock_guard lock(mutex_);
      revision_ = revision;
    }
    changed_.notify_all();
  }

  // For a snapshot that shows `revision`, and was taken when `known` was published: waits until it
  // is published. Errors: as Wait, and kLeaderChanged (the database has lost what was published).
  Result<void> Reach(Revision revision, Revision known) {
    if (revision >= known) return Wait(revision);
    if (gone_back_) gone_back_();
    return sql::kLedByAnother;
  }

  // Waits until `revision` is published. kUnavailable: it may never be, as the writer is fenced or
  // has stopped, or as another process has written it.
  Result<void> Wait(Revision revision) {
    if (revision <= revision_) return Ok();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return revision <= revision_ || closed_; });
    if (revision <= revision_) return Ok();
    return Error{ErrorCode::kUnavailable, "the outcome of a commit is not known yet"};
  }

  // While closed nobody waits: the writer cannot publish.
  void SetClosed(bool closed) {
    {
      const std::lock_guard lock(mutex_);
      closed_ = closed;
    }
    changed_.notify_all();
  }

 private:
  // Far above what a writer of this process takes between its commit and Set.
  static constexpr std::chrono::seconds kPatience{5};

  std::atomic<Revision> revision_;
  const std::function<void()> gone_back_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace kubase::store
