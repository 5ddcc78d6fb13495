// Names of the statements.
#include "shim/sql/queries.h"

#include <array>

#include "shim/base/result.h"

namespace kubase::sql {
namespace {

// In the order of the enumerators.
constexpr std::array kNames = {
    "read_meta",
    "write_meta",
    "get_with_meta",
    "get",
    "get_at",
    "list",
    "list_unbounded",
    "list_keys",
    "list_keys_unbounded",
    "list_bare_keys",
    "list_bare_keys_unbounded",
    "count",
    "count_unbounded",
    "list_at",
    "list_at_unbounded",
    "list_keys_at",
    "list_keys_at_unbounded",
    "count_at",
    "count_at_unbounded",
    "changes",
    "changes_in_range",
    "changes_in_range_unbounded",
    "get_superseded",
    "max_object_id",
    "insert_object",
    "update_object",
    "delete_object",
    "add_history",
    "add_change",
    "compact_history",
    "compact_changes",
    "lease_keys",
    "list_leases",
    "put_lease",
    "delete_lease",
    "list_alarms",
    "put_alarm",
    "delete_alarm",
    "list_kinds",
    "get_kind",
    "add_kind",
    "update_kind",
    "delete_kind",
    "max_attribute_name_id",
    "get_attribute_name",
    "list_attribute_names",
    "add_attribute_name",
    "delete_attribute_name",
    "add_attribute",
    "end_attribute",
    "delete_attribute",
    "get_attribute",
    "list_ended_attributes",
    "list_attributes_of_name",
    "count_attributes",
    "next_attribute_value",
    "skip_attributes",
    "add_dependent",
    "delete_dependent",
    "list_dependents",
    "get_dependent",
    "last_dependent",
    "walk_dependents",
    "max_collection_id",
    "add_collection",
    "get_collection",
    "list_due_collections",
    "update_collection",
    "delete_collection",
    "skip_collections",
    "wake_collections",
    "count_collections",
    "scan_versions",
};
static_assert(kNames.size() == kQueries);

}  // namespace

const char* QueryName(Query query) {
  KUBASE_CHECK(query < Query::kQueryCount);
  return kNames[static_cast<size_t>(query)];
}

}  // namespace kubase::sql
