// Live pairs keep their id, so that an update rewrites one row in place.
#include "shim/sql/statements.h"

#include <fmt/format.h>

#include <array>
#include <regex>

#include "shim/base/result.h"

namespace kubase::sql {
namespace {

// The columns of a pair but for its id, which only a live pair has.
constexpr char kPair[] = "key, value, create_revision, mod_revision, version, lease, sub";
constexpr char kKeyOnly[] =
    "key, x'' AS value, create_revision, mod_revision, version, 0 AS lease, sub";
constexpr char kCollection[] =
    "id, action, uid, key, whole, waits, since, cursor_traits, cursor_key";
constexpr char kKind[] = "id, prefix, fields, indexed_since, indexed_to, foreign_values";

std::string ListColumns(std::string_view columns, bool bounded) {
  return fmt::format("SELECT {} FROM objects WHERE key >= ?1{} ORDER BY key LIMIT ?{}", columns,
                     bounded ? " AND key < ?2" : "", bounded ? 3 : 2);
}

std::string List(const char* columns, bool bounded) {
  return ListColumns(fmt::format("{}, id", columns), bounded);
}

// The pairs a read at revision {r} shows, in the key range given by {upper}: what lives and is old
// enough, and what lived then.
std::string VisibleAt(const char* columns, bool bounded) {
  const char* upper = bounded ? " AND key < ?2" : "";
  const char* revision = bounded ? "?3" : "?2";
  return fmt::format(
      "SELECT {0}, id FROM objects WHERE key >= ?1{1} AND mod_revision <= {2} "
      "UNION ALL "
      "SELECT {0}, 0 FROM history WHERE key >= ?1{1} AND mod_revision <= {2} AND end_revision > "
      "{2}",
      columns, upper, revision);
}

std::string ListAt(const char* columns, bool bounded) {
  return fmt::format("{} ORDER BY key LIMIT ?{}", VisibleAt(columns, bounded), bounded ? 4 : 3);
}

// A put that the same revision changed again, and that was compacted since, is no event any more.
// The inner LIMIT stops at the pair: a key can have any number of later versions.
std::string Changes(const char* range, int first) {
  return fmt::format(
      "SELECT c.key, coalesce(o.value, h.value, x''), "
      "coalesce(o.create_revision, h.create_revision, 0), c.revision, "
      "coalesce(o.version, h.version, 0), coalesce(o.lease, h.lease, 0), c.sub, coalesce(o.id, 0) "
      "FROM changes c "
      "LEFT JOIN objects o ON o.key = c.key AND o.mod_revision = c.revision AND o.sub = c.sub "
      "LEFT JOIN history h ON h.id = (SELECT id FROM history WHERE c.deleted = 0 AND key = c.key "
      "AND end_revision >= c.revision AND mod_revision = c.revision AND sub = c.sub "
      "ORDER BY end_revision LIMIT 1) "
      "WHERE c.revision BETWEEN ?{0} AND ?{1}{2} "
      "AND (c.deleted = 1 OR o.id IS NOT NULL OR h.id IS NOT NULL) "
      "ORDER BY c.revision, c.sub LIMIT ?{3}",
      first, first + 1, range, first + 2);
}

// Empty: not a statement over a key range.
std::string RangeText(Query query) {
  switch (query) {
    case Query::kList:
      return List(kPair, true);
    case Query::kListUnbounded:
      return List(kPair, false);
    case Query::kListKeys:
      return List(kKeyOnly, true);
    case Query::kListKeysUnbounded:
      return List(kKeyOnly, false);
    case Query::kListBareKeys:
      return ListColumns("key", true);
    case Query::kListBareKeysUnbounded:
      return ListColumns("key", false);
    case Query::kCount:
      return "SELECT count(*) FROM objects WHERE key >= ?1 AND key < ?2";
    case Query::kCountUnbounded:
      return "SELECT count(*) FROM objects WHERE key >= ?1";
    case Query::kListAt:
      return ListAt(kPair, true);
    case Query::kListAtUnbounded:
      return ListAt(kPair, false);
    case Query::kListKeysAt:
      return ListAt(kKeyOnly, true);
    case Query::kListKeysAtUnbounded:
      return ListAt(kKeyOnly, false);
    case Query::kCountAt:
      return fmt::format("SELECT count(*) FROM ({}) AS visible_subquery", VisibleAt("key", true));
    case Query::kCountAtUnbounded:
      return fmt::format("SELECT count(*) FROM ({}) AS visible_subquery", VisibleAt("key", false));
    default:
      return "";
  }
}

// Empty: not a statement about leases or alarms.
std::string LeaseOrAlarmText(Query query) {
  switch (query) {
    case Query::kLeaseKeys:
      return "SELECT key FROM objects WHERE lease = ?1 AND lease <> 0 ORDER BY key";
    case Query::kListLeases:
      return "SELECT id, ttl FROM leases ORDER BY id";
    case Query::kPutLease:
      return "INSERT INTO leases(id, ttl) VALUES(?1, ?2)";
    case Query::kDeleteLease:
      return "DELETE FROM leases WHERE id = ?1";
    case Query::kListAlarms:
      return "SELECT alarm FROM alarms ORDER BY alarm";
    case Query::kPutAlarm:
      return "INSERT INTO alarms(alarm) VALUES(?1) ON CONFLICT DO NOTHING";
    case Query::kDeleteAlarm:
      return "DELETE FROM alarms WHERE alarm = ?1";
    default:
      return "";
  }
}

// Empty: not one of the others.
std::string OtherText(Query query) {
  switch (query) {
    case Query::kReadMeta:
      return "SELECT schema_version, cluster_id, revision, compact_revision FROM meta WHERE id = 1";
    case Query::kWriteMeta:
      // A difference, so that each engine sees the parameter is a number.
      return "UPDATE meta SET revision = revision + CASE WHEN revision = ?3 THEN ?1 - revision "
             "END, "
             "compact_revision = ?2 WHERE id = 1";
    case Query::kGetWithMeta:
      return "SELECT m.revision, m.compact_revision, o.key, o.value, o.create_revision, "
             "o.mod_revision, o.version, o.lease, o.sub, o.id "
             "FROM meta m LEFT JOIN objects o ON o.key = ?1 WHERE m.id = 1";
    case Query::kGet:
      return fmt::format("SELECT {}, id FROM objects WHERE key = ?1", kPair);
    case Query::kGetAt:
      return fmt::format(
          "SELECT {0}, id FROM objects WHERE key = ?1 AND mod_revision <= ?2 UNION ALL "
          "SELECT {0}, 0 FROM history WHERE key = ?1 AND end_revision > ?2 AND mod_revision <= ?2",
          kPair);
    case Query::kChanges:
      return Changes("", 1);
    case Query::kChangesInRange:
      return Changes(" AND c.key >= ?1 AND c.key < ?2", 3);
    case Query::kChangesInRangeUnbounded:
      return Changes(" AND c.key >= ?1", 2);
    case Query::kGetSuperseded:
      return fmt::format(
          "SELECT {}, end_revision FROM history WHERE key = ?1 AND end_revision = ?2 AND "
          "mod_revision < ?2",
          kPair);
    case Query::kMaxObjectId:
      return "SELECT coalesce(max(id), 0) FROM objects";
    case Query::kInsertObject:
      return fmt::format("INSERT INTO objects(id, {}) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         kPair);
    case Query::kUpdateObject:
      return "UPDATE objects SET value = ?1, create_revision = ?2, mod_revision = ?3, "
             "version = ?4, lease = ?5, sub = ?6 WHERE id = ?7";
    case Query::kDeleteObject:
      return "DELETE FROM objects WHERE id = ?1";
    case Query::kAddHistory:
      return fmt::format(
          "INSERT INTO history({}, end_revision) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", kPair);
    case Query::kAddChange:
      return "INSERT INTO changes(revision, sub, deleted, key) VALUES(?1, ?2, ?3, ?4)";
    case Query::kCompactHistory:
      return "DELETE FROM history WHERE id IN (SELECT id FROM (SELECT id, end_revision FROM "
             "history "
             "ORDER BY id LIMIT ?2) AS oldest WHERE end_revision <= ?1)";
    case Query::kCompactChanges:
      return "DELETE FROM changes WHERE (revision, sub) IN (SELECT revision, sub FROM changes "
             "WHERE revision < ?1 ORDER BY revision, sub LIMIT ?2)";
    case Query::kScanVersions:
      return fmt::format(
          "SELECT {0}, id FROM objects WHERE mod_revision <= ?1 UNION ALL "
          "SELECT {0}, 0 FROM history WHERE mod_revision <= ?1 AND end_revision > ?2 UNION ALL "
          "SELECT key, x'', 0, revision, 0, 0, sub, 0 FROM changes "
          "WHERE revision BETWEEN ?2 AND ?1 AND deleted = 1",
          kPair);
    default:
      return "";
  }
}

// Empty: not a statement of the attributes.
std::string AttributeText(Query query) {
  switch (query) {
    case Query::kListKinds:
      return fmt::format("SELECT {} FROM kinds ORDER BY id", kKind);
    case Query::kGetKind:
      return fmt::format("SELECT {} FROM kinds WHERE prefix = ?1", kKind);
    case Query::kAddKind:
      return fmt::format("INSERT INTO kinds({}) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", kKind);
    case Query::kUpdateKind:
      return "UPDATE kinds SET prefix = ?1, fields = ?2, indexed_since = ?3, indexed_to = ?4, "
             "foreign_values = ?5 WHERE id = ?6";
    case Query::kDeleteKind:
      return "DELETE FROM kinds WHERE id = ?1";
    case Query::kMaxAttributeNameId:
      return "SELECT coalesce(max(id), 0) FROM attribute_names";
    case Query::kGetAttributeName:
      return "SELECT id FROM attribute_names WHERE kind = ?1 AND name = ?2";
    case Query::kListAttributeNames:
      return "SELECT id FROM attribute_names WHERE kind = ?1";
    case Query::kAddAttributeName:
      return "INSERT INTO attribute_names(id, kind, name) VALUES(?1, ?2, ?3)";
    case Query::kDeleteAttributeName:
      return "DELETE FROM attribute_names WHERE id = ?1";
    case Query::kAddAttribute:
      return "INSERT INTO attributes(name, value, object_name, since, end_revision, object) "
             "VALUES(?1, ?2, ?3, ?4, 0, ?5) ON CONFLICT(name, value, object_name, since) "
             "DO UPDATE SET end_revision = 0, object = excluded.object";
    case Query::kEndAttribute:
      return "UPDATE attributes SET end_revision = ?1 "
             "WHERE name = ?2 AND value = ?3 AND object_name = ?4 AND end_revision = 0";
    case Query::kDeleteAttribute:
      return "DELETE FROM attributes "
             "WHERE name = ?1 AND value = ?2 AND object_name = ?3 AND since = ?4";
    case Query::kGetAttribute:
      return "SELECT object FROM attributes "
             "WHERE name = ?1 AND value = ?2 AND object_name = ?3 AND end_revision = 0";
    case Query::kListEndedAttributes:
      return "SELECT name, value, object_name, since FROM attributes "
             "WHERE end_revision <> 0 AND end_revision <= ?1 ORDER BY end_revision LIMIT ?2";
    case Query::kListAttributesOfName:
      return "SELECT name, value, object_name, since FROM attributes WHERE name = ?1 LIMIT ?2";
    case Query::kCountAttributes:
      return "SELECT count(*) FROM attributes WHERE name = ?1 AND end_revision = 0";
    case Query::kNextAttributeValue:
      return "SELECT value FROM attributes WHERE name = ?1 AND value >= ?2 ORDER BY value LIMIT 1";
    case Query::kSkipAttributes:
      return "SELECT object_name FROM attributes WHERE name = ?1 AND value = ?2 AND "
             "object_name >= ?3 ORDER BY object_name LIMIT 1 OFFSET ?4";
    default:
      return "";
  }
}

// Empty: not a statement of the collector of garbage.
std::string CollectionText(Query query) {
  switch (query) {
    case Query::kAddDependent:
      return "INSERT INTO dependents(owner, traits, key) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING";
    case Query::kDeleteDependent:
      return "DELETE FROM dependents WHERE owner = ?1 AND traits = ?2 AND key = ?3";
    case Query::kListDependents:
      return "SELECT traits, key FROM dependents WHERE owner = ?1 AND (traits, key) > (?2, ?3) "
             "ORDER BY traits, key LIMIT ?4";
    case Query::kGetDependent:
      return "SELECT 1 FROM dependents WHERE owner = ?1 AND traits = ?2 AND key = ?3";
    case Query::kLastDependent:
      return "SELECT owner, traits FROM dependents WHERE owner = ?1 "
             "ORDER BY owner DESC, traits DESC, key DESC LIMIT 1";
    case Query::kWalkDependents:
      return "SELECT owner, traits, key FROM dependents WHERE (owner, traits, key) > (?1, ?2, ?3) "
             "ORDER BY owner, traits, key LIMIT ?4";
    case Query::kMaxCollectionId:
      return "SELECT coalesce(max(id), 0) FROM collections";
    case Query::kAddCollection:
      return fmt::format(
          "INSERT INTO collections({}) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, -1, x'') "
          "ON CONFLICT(action, uid) DO NOTHING",
          kCollection);
    case Query::kGetCollection:
      return fmt::format("SELECT {} FROM collections WHERE action = ?1 AND uid = ?2", kCollection);
    case Query::kListDueCollections:
      return fmt::format(
          "SELECT {} FROM collections WHERE waits = 0 AND id >= ?1 ORDER BY id LIMIT ?2",
          kCollection);
    case Query::kUpdateCollection:
      return "UPDATE collections SET whole = ?1, waits = ?2, cursor_traits = ?3, cursor_key = ?4 "
             "WHERE id = ?5";
    case Query::kDeleteCollection:
      return "DELETE FROM collections WHERE id = ?1";
    case Query::kSkipCollections:
      return "SELECT id FROM collections WHERE waits = ?1 AND id > ?2 ORDER BY id LIMIT 1 OFFSET "
             "?3";
    case Query::kWakeCollections:
      return "UPDATE collections SET waits = 0 WHERE waits = ?1 AND id > ?2 AND id <= ?3";
    case Query::kCountCollections:
      return "SELECT count(*) FROM collections WHERE waits = ?1";
    default:
      return "";
  }
}

std::string Text(Query query) {
  std::string text = RangeText(query);
  if (text.empty()) text = LeaseOrAlarmText(query);
  if (text.empty()) text = OtherText(query);
  if (text.empty()) text = AttributeText(query);
  if (text.empty()) text = CollectionText(query);
  KUBASE_CHECK(!text.empty());
  return text;
}

}  // namespace

const std::string& StatementText(Query query) {
  static const auto texts = [] {
    std::array<std::string, kQueries> all;
    for (size_t i = 0; i < kQueries; ++i) all[i] = Text(static_cast<Query>(i));
    return all;
  }();
  return texts[static_cast<size_t>(query)];
}

std::string WithLimitedArms(Query query) {
  static const std::regex merged(R"((.*) UNION ALL (.*) ORDER BY key (LIMIT \?\d+))");
  return std::regex_replace(StatementText(query), merged,
                            "($1 ORDER BY key $3) UNION ALL ($2 ORDER BY key $3) ORDER BY key $3");
}

}  // namespace kubase::sql
