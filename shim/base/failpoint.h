// Failpoints: named places at which a test lets the process die or stop, to see what is left.
//
// They are compiled into every build, so that what is tested is what is shipped, and do nothing
// unless KUBASE_FAILPOINTS armed them: "writer.committed=crash@3" ends the process as kill -9 does
// when the place is reached for the third time; "=stop@1" freezes it as kill -STOP does. One state
// for the process, because a failpoint stands for what happens to the process as a whole. Before
// that, a line on standard error names the failpoint: "failpoint writer.committed: reached".
#pragma once

#include <atomic>
#include <string_view>

#include "shim/base/result.h"

namespace kubase {

// In the order in which a write, a compaction, a lease, garbage, a watch and a start pass them.
enum class Failpoint {
  kWriterTaken,              // a batch was taken from the queue
  kWriterBegun,              // its transaction has begun
  kWriterApplied,            // every request was evaluated
  kWriterAttributesFlushed,  // the index of attributes is written, nothing else
  kWriterHistoryFlushed,     // superseded pairs are written, live ones not
  kWriterObjectsFlushed,
  kWriterLeasesFlushed,
  kWriterMetaWritten,  // all is written, nothing committed
  kWriterCommitted,    // durable; neither published nor answered
  kWriterPublished,    // watchers are told; nobody was answered
  kWriterAnswered,     // one caller was answered, the others not
  kCompactionTaken,    // the compacted revision is durable, its rows are there
  kCompactionStep,     // some of them are gone
  kCompactionEnded,    // all of them, and nobody was told
  kSpaceReclaimStep,
  kDefragmentBegun,
  kDefragmentEnded,
  kLeaseExpired,       // found, not yet revoked
  kLeaseApplied,       // its keys are deleted in the batch
  kCollectionApplied,  // a part of the garbage that is owed is collected in the batch
  kWatchDispatch,
  kWatchCatchUp,
  kSnapshotPage,
  kSchemaStep,   // committed, and the next one to come
  kSchemaReady,  // the schema is there, the log not emptied
  kStoreOpened,
  kCount,
};

// Arms "name=action[@n]", several separated by commas; action is crash or stop, n (1) counts the
// times the place is reached. kInvalidArgument: the message names every failpoint there is.
Result<void> ArmFailpoints(std::string_view spec);

namespace internal {
extern std::atomic<bool> failpoints_armed;
void ReachArmedFailpoint(Failpoint failpoint);
}  // namespace internal

// Any thread.
inline void Reach(Failpoint failpoint) {
  if (internal::failpoints_armed.load(std::memory_order_relaxed)) [[unlikely]] {
    internal::ReachArmedFailpoint(failpoint);
  }
}

}  // namespace kubase
