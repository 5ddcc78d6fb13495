// Names of the statements.
#include "shim/sql/queries.h"

#include "shim/base/result.h"

namespace kubase::sql {

const char* QueryName(Query query) {
  switch (query) {
    case Query::kReadMeta:
      return "read_meta";
    case Query::kWriteMeta:
      return "write_meta";
    case Query::kGetWithMeta:
      return "get_with_meta";
    case Query::kGet:
      return "get";
    case Query::kGetAt:
      return "get_at";
    case Query::kList:
      return "list";
    case Query::kListUnbounded:
      return "list_unbounded";
    case Query::kListKeys:
      return "list_keys";
    case Query::kListKeysUnbounded:
      return "list_keys_unbounded";
    case Query::kCount:
      return "count";
    case Query::kCountUnbounded:
      return "count_unbounded";
    case Query::kListAt:
      return "list_at";
    case Query::kListAtUnbounded:
      return "list_at_unbounded";
    case Query::kListKeysAt:
      return "list_keys_at";
    case Query::kListKeysAtUnbounded:
      return "list_keys_at_unbounded";
    case Query::kCountAt:
      return "count_at";
    case Query::kCountAtUnbounded:
      return "count_at_unbounded";
    case Query::kChanges:
      return "changes";
    case Query::kChangesInRange:
      return "changes_in_range";
    case Query::kChangesInRangeUnbounded:
      return "changes_in_range_unbounded";
    case Query::kGetSuperseded:
      return "get_superseded";
    case Query::kPutObject:
      return "put_object";
    case Query::kDeleteObject:
      return "delete_object";
    case Query::kAddHistory:
      return "add_history";
    case Query::kAddChange:
      return "add_change";
    case Query::kCompactHistory:
      return "compact_history";
    case Query::kCompactChanges:
      return "compact_changes";
    case Query::kLeaseKeys:
      return "lease_keys";
    case Query::kListLeases:
      return "list_leases";
    case Query::kPutLease:
      return "put_lease";
    case Query::kDeleteLease:
      return "delete_lease";
    case Query::kScanVersions:
      return "scan_versions";
    case Query::kQueryCount:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "a statement without a name");
}

}  // namespace kubase::sql
