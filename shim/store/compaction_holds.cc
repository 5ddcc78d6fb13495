// In memory alone: few are held at a time, and each call is a look at all of them.
#include "shim/store/compaction_holds.h"

#include <algorithm>
#include <utility>

#include "shim/base/limits.h"

namespace kubase::store {

void CompactionHolds::OnEnd(std::function<void()> on_end) {
  const std::lock_guard lock(mutex_);
  on_end_ = std::move(on_end);
}

std::unique_ptr<CompactionHolds::Hold> CompactionHolds::Take(Revision revision) {
  const std::lock_guard lock(mutex_);
  held_.emplace(++last_id_, State{revision, clock_.Now()});
  return std::make_unique<Hold>(shared_from_this(), last_id_);
}

Revision CompactionHolds::RemovableTo(Revision compact_revision) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime oldest = clock_.Now() - limits::kCompactionHoldIdleMax;
  std::erase_if(held_, [oldest](const auto& hold) { return hold.second.renewed_at < oldest; });
  Revision removable = compact_revision;
  for (const auto& [id, hold] : held_) removable = std::min(removable, hold.revision);
  rows_are_left_ = removable < compact_revision;
  return removable;
}

bool CompactionHolds::Renew(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto hold = held_.find(id);
  if (hold == held_.end()) return false;
  hold->second.renewed_at = clock_.Now();
  return true;
}

void CompactionHolds::End(uint64_t id) {
  const std::lock_guard lock(mutex_);
  held_.erase(id);
  if (rows_are_left_ && on_end_) on_end_();
}

}  // namespace kubase::store
