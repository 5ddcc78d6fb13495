// MatchPlan: which requirements of a selector the index of attributes decides, and which are left
// for the pairs themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/selector.h"
#include "shim/sql/database.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/kind.h"
#include "shim/store/types.h"

namespace kubase::store {

// An attribute of a kind and the values of it that a requirement names.
struct IndexCondition {
  static constexpr int64_t kNoName = -1;  // no object ever had the attribute

  int64_t name = kNoName;
  std::vector<std::string> values;  // at least one
};

struct MatchPlan {
  std::string prefix;            // of the kind; empty: the range is not within one
  KeyRange range;                // of the keys, as far as the selector narrows it
  select::FieldTablePtr fields;  // of the kind
  // The name that objects have to have, in whichever namespace; all is in `rest` then.
  std::optional<std::string> object_name;
  // False: the index says nothing here, all is in `rest`.
  bool indexed = false;
  std::vector<IndexCondition> required;
  std::vector<IndexCondition> excluded;
  std::optional<int64_t> unreadable;  // the name that unreadable objects have; null: there are none
  select::Selector rest;              // to be decided by the pairs

  bool UsesIndex() const { return !required.empty() || !excluded.empty(); }
};

// For a read as of `revision`, in the snapshot of the connection's transaction. Errors: those of
// the database.
Result<MatchPlan> PlanMatch(sql::Connection& connection, const select::Selector& selector,
                            const KeyRange& range, Revision revision);

}  // namespace kubase::store
