// ReaderPool: read connections, one user each at a time, and the threads that use them.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "shim/base/executor.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::store {

// What a read gets that the pool refuses.
inline const Error kTooManyReads{ErrorCode::kOverloaded, "too many reads are waiting"};

// What a read gets for which nobody waits any more when its turn has come: after an outage those
// who do would stand behind thousands of these.
inline const Error kAbandonedRead{ErrorCode::kCancelled, "nobody waits for the answer any more"};

class ReaderPool {
 public:
  struct Options {
    int threads = 2;             // for reads that may take long
    int inline_connections = 2;  // for point reads on the caller's thread
    int idle_max = -1;           // connections that stay open while nobody reads; below 0: all
    size_t queue_max = 0;
  };

  // Errors: those of Database::Connect.
  static Result<std::unique_ptr<ReaderPool>> Open(sql::Database& database, const Options& options);

  // Runs `work` with a connection on one of the pool's threads; false: too many reads are waiting,
  // or the pool has stopped.
  [[nodiscard]] bool Post(std::function<void(sql::Connection&)> work);

  // Runs `work` here and now if a connection is free; false: nothing was done.
  template <typename Work>
  [[nodiscard]] bool TryRun(const Work& work) {
    std::unique_ptr<sql::Connection> connection = TakeIfFree();
    if (connection == nullptr) return false;
    work(*connection);
    GiveBack(std::move(connection));
    return true;
  }

  // Finishes what was accepted. Idempotent.
  void Stop() { executor_.Stop(); }

 private:
  explicit ReaderPool(const Options& options);
  std::unique_ptr<sql::Connection> TakeIfFree();
  std::unique_ptr<sql::Connection> Take();
  void GiveBack(std::unique_ptr<sql::Connection> connection);

  const int idle_max_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<sql::Connection>> free_;  // guarded by mutex_
  Executor executor_;                                   // last: its threads use the rest
};

}  // namespace kubase::store
