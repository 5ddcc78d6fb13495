// The numbers of the collector of garbage.
#pragma once

#include <array>
#include <cstdint>

#include "shim/collect/deletion.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace kubase::store {

// Any thread. `registry` must outlive it.
class CollectorMetrics {
 public:
  explicit CollectorMetrics(prometheus::Registry& registry);

  // What a batch did.
  struct Done {
    std::array<int64_t, 3> deleted{};  // by propagation; removed, or marked to go
    int64_t finished = 0;              // owners that lost the finalizer they waited with
    int64_t detached = 0;              // objects that lost references to owners that have gone
    int64_t orphaned = 0;              // objects that lost the reference to their orphaning owner
  };
  void OnDone(const Done& done);

  // Why an object was left alone.
  enum class Reason { kUnreadable, kMisplacedOwner, kUnservedOwner, kReasons };
  void OnSkipped(Reason reason);

  // Owed work that can be done now, such that waits for something, and the age of the oldest of the
  // former.
  void OnQueue(int64_t due, int64_t waiting, double oldest_seconds);

 private:
  std::array<prometheus::Counter*, 3> deleted_;
  prometheus::Counter& finished_;
  prometheus::Counter& detached_;
  prometheus::Counter& orphaned_;
  std::array<prometheus::Counter*, static_cast<size_t>(Reason::kReasons)> skipped_;
  prometheus::Gauge& due_;
  prometheus::Gauge& waiting_;
  prometheus::Gauge& oldest_seconds_;
};

}  // namespace kubase::store
