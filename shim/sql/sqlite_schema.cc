// The schema of SQLite databases, step by step; what the tables mean is in queries.h.
#include "shim/sql/sqlite_schema.h"

#include "shim/sql/queries.h"

namespace kubase::sql {
namespace {

// The temporal tables. The empty store is at revision 1, as etcd's is; -1 is "never compacted".
constexpr char kTemporalTables[] = R"(
CREATE TABLE meta(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  cluster_id INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  compact_revision INTEGER NOT NULL
);
INSERT INTO meta VALUES(1, 1, abs(random() / 2) + 1, 1, -1);
CREATE TABLE objects(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  create_revision INTEGER NOT NULL,
  mod_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  value BLOB NOT NULL
);
CREATE INDEX objects_by_lease ON objects(lease, key) WHERE lease <> 0;
CREATE TABLE history(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  end_revision INTEGER NOT NULL,
  create_revision INTEGER NOT NULL,
  mod_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  value BLOB NOT NULL,
  UNIQUE(key, end_revision, mod_revision, sub)
);
CREATE TABLE changes(
  revision INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY(revision, sub)
) WITHOUT ROWID;
CREATE TABLE leases(
  id INTEGER PRIMARY KEY,
  ttl INTEGER NOT NULL
);
CREATE TABLE alarms(
  alarm INTEGER PRIMARY KEY
);
)";

// The index that selectors are answered from. It is empty: the store fills it, kind by kind, and
// answers without it until then.
constexpr char kAttributeTables[] = R"(
CREATE TABLE kinds(
  id INTEGER PRIMARY KEY,
  prefix BLOB NOT NULL UNIQUE,
  fields BLOB NOT NULL,
  indexed_since INTEGER NOT NULL,
  indexed_to BLOB NOT NULL,
  foreign_values INTEGER NOT NULL
);
CREATE TABLE attribute_names(
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  name BLOB NOT NULL,
  UNIQUE(kind, name)
);
CREATE TABLE attributes(
  name INTEGER NOT NULL,
  value BLOB NOT NULL,
  object_name BLOB NOT NULL,
  since INTEGER NOT NULL,
  end_revision INTEGER NOT NULL,
  object INTEGER NOT NULL,
  PRIMARY KEY(name, value, object_name, since)
) WITHOUT ROWID;
CREATE INDEX attributes_ended ON attributes(end_revision) WHERE end_revision <> 0;
)";

// The index of attributes starts anew when the collector's tables come, because the objects that
// are there get into `dependents` on the way.
constexpr char kDropAttributes[] = R"(
DROP TABLE attributes;
DROP TABLE attribute_names;
DROP TABLE kinds;
)";

// What the collector of garbage needs.
constexpr char kCollectionTables[] = R"(
CREATE TABLE dependents(
  owner BLOB NOT NULL,
  traits INTEGER NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY(owner, traits, key)
) WITHOUT ROWID;
CREATE TABLE collections(
  id INTEGER PRIMARY KEY,
  action INTEGER NOT NULL,
  uid BLOB NOT NULL,
  key BLOB NOT NULL,
  whole INTEGER NOT NULL,
  waits INTEGER NOT NULL,
  since INTEGER NOT NULL,
  cursor_traits INTEGER NOT NULL,
  cursor_key BLOB NOT NULL,
  UNIQUE(action, uid)
);
CREATE INDEX collections_due ON collections(waits, id);
)";

}  // namespace

const std::vector<std::string>& SqliteSchemaSteps() {
  static const std::vector<std::string> steps = {
      kTemporalTables, kAttributeTables,
      std::string(kDropAttributes) + kAttributeTables + kCollectionTables, kIndexFormsStep};
  return steps;
}

}  // namespace kubase::sql
