// KindNames: the kinds of a snapshot by the names that people give them, and objects by theirs.
#pragma once

#include <string>
#include <string_view>

#include "shim/base/result.h"
#include "shim/collect/served_kinds.h"
#include "shim/sql/database.h"
#include "shim/store/deletion_effects.h"
#include "shim/store/pairs.h"

namespace kubase::store {

// One thread.
class KindNames {
 public:
  // Errors: those of the database.
  Result<void> Load(sql::Connection& connection, const Meta& meta);

  // `name`: as collect::ServedKinds::FindByName. kInvalidArgument: none is called so, or several.
  Result<collect::NamedKind> Find(const std::string& name) const;
  NamedObject NameOf(std::string_view key) const;

 private:
  collect::ServedKinds kinds_;
};

}  // namespace kubase::store
