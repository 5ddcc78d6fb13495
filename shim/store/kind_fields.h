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
    const std::lock_guard lock(mutex_);
    const auto found = custom_.find(kind.range.key);
    return found == custom_.end() ? select::BuiltInFields(kind.name) : found->second;
  }

  void Set(const std::string& prefix, select::FieldTablePtr fields) {
    const std::lock_guard lock(mutex_);
    custom_[prefix] = std::move(fields);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, select::FieldTablePtr> custom_;  // by prefix; guarded by mutex_
};

}  // namespace kubase::store
