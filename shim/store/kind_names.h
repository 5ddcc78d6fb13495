// KindNames: kinds by the names that people give them, and objects by theirs.
#pragma once

#include <string>
#include <string_view>

#include "shim/base/result.h"
#include "shim/collect/served_kinds.h"
#include "shim/store/deletion_effects.h"

namespace kubase::store {

// One thread.
class KindNames {
 public:
  // `kinds` must outlive it.
  explicit KindNames(const collect::ServedKinds& kinds) : kinds_(kinds) {}

  // `name`: as collect::ServedKinds::FindByName. kInvalidArgument: none is called so, or several.
  Result<collect::NamedKind> Find(const std::string& name) const;
  NamedObject NameOf(std::string_view key) const;

 private:
  const collect::ServedKinds& kinds_;
};

}  // namespace kubase::store
