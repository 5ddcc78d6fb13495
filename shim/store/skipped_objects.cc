// One line of the log a kind and reason; a counter for the rest.
#include "shim/store/skipped_objects.h"

#include "shim/base/limits.h"
#include "shim/store/kind.h"

namespace kubase::store {

void SkippedObjects::Note(const std::string& key, CollectorMetrics::Reason reason,
                          std::string_view why) {
  metrics_.OnSkipped(reason);
  if (told_.size() >= limits::kCollectorToldMax) told_.clear();
  if (!told_.insert(std::string(why) + KindOfKey(key).name).second) return;
  log_.Warning("the collector of garbage leaves an object alone; more of its kind are not logged",
               {{"key", key}, {"why", why}});
}

}  // namespace kubase::store
