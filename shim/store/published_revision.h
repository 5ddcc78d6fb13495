// PublishedRevision: up to where commits have reached everything that answers from memory.
//
// A snapshot of the database can be a commit ahead of the caches for a moment. Whoever reads one
// waits for that moment to pass, so that no later answer is older than an earlier one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "shim/base/result.h"
#include "shim/store/types.h"

namespace kubase::store {

// Any thread.
class PublishedRevision {
 public:
  explicit PublishedRevision(Revision revision) : revision_(revision) {}

  Revision get() const { return revision_; }

  // From the writer, when the caches know the revision.
  void Set(Revision revision) {
    {
      const std::lock_guard lock(mutex_);
      revision_ = revision;
    }
    changed_.notify_all();
  }

  // Waits until `revision` is published. kUnavailable: it may never be, as the writer is fenced or
  // has stopped.
  Result<void> Wait(Revision revision) {
    if (revision <= revision_) return Ok();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return revision <= revision_ || closed_; });
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
  std::atomic<Revision> revision_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace kubase::store
