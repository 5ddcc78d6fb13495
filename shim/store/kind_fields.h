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
    if (const auto found = custom_.find(kind.range.key); found != custom_.end()) {
      return found->second;
    }
    if (const auto found = built_in_.find(kind.name); found != built_in_.end()) {
      return found->second;
    }
    select::FieldTablePtr fields = select::BuiltInFields(kind.name);
    // Any name can come from a key, but only so many have fields.
    if (!fields->fields().empty()) built_in_.emplace(kind.name, fields);
    return fields;
  }

  void Set(const std::string& prefix, select::FieldTablePtr fields) {
    const std::lock_guard lock(mutex_);
    custom_[prefix] = std::move(fields);
  }

 private:
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::map<std::string, select::FieldTablePtr> custom_;            // by prefix
  mutable std::map<std::string, select::FieldTablePtr> built_in_;  // by resource
};

}  // namespace kubase::store
