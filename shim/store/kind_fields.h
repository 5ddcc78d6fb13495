// KindFields: the selectable fields of each kind as of the last commit, for who filters events.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "shim/select/field_table.h"
#include "shim/store/kind.h"

namespace kubase::store {

// Any thread.
class KindFields {
 public:
  // Never null.
  select::FieldTablePtr Find(const Kind& kind) const {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = custom_.find(kind.range.key); found != custom_.end()) {
        return found->second;
      }
    }
    return select::BuiltInFields(kind.name);
  }

  void Set(const std::string& prefix, select::FieldTablePtr fields) {
    const std::lock_guard lock(mutex_);
    custom_[prefix] = std::move(fields);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, select::FieldTablePtr> custom_;  // guarded by mutex_; by prefix
};

}  // namespace kubase::store
