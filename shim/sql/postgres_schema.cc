// The schema of PostgreSQL databases, step by step; what the tables mean is in queries.h.
#include "shim/sql/postgres_dialect.h"

namespace kubase::sql {
namespace {

// The empty store is at revision 1, as etcd's is; -1 is "never compacted". Room is left in the
// pages of objects, so that an update finds it beside the row and touches no index.
constexpr char kPostgresTables[] = R"(
CREATE TABLE meta(
  id bigint PRIMARY KEY CHECK (id = 1),
  schema_version bigint NOT NULL,
  cluster_id bigint NOT NULL,
  revision bigint NOT NULL,
  compact_revision bigint NOT NULL,
  epoch bigint NOT NULL,
  leader_term bigint NOT NULL,
  leader_renewals bigint NOT NULL,
  leader_process text NOT NULL,
  leader_address text NOT NULL,
  server bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO meta VALUES
  (1, 1, 1 + floor(random() * 9007199254740991)::bigint, 1, -1, 0, 0, 0, '', '', 0);
CREATE TABLE objects(
  id bigint PRIMARY KEY,
  key bytea NOT NULL UNIQUE,
  create_revision bigint NOT NULL,
  mod_revision bigint NOT NULL,
  version bigint NOT NULL,
  lease bigint NOT NULL,
  sub bigint NOT NULL,
  value bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX objects_by_lease ON objects(lease, key) WHERE lease <> 0;
CREATE TABLE history(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key bytea NOT NULL,
  end_revision bigint NOT NULL,
  create_revision bigint NOT NULL,
  mod_revision bigint NOT NULL,
  version bigint NOT NULL,
  lease bigint NOT NULL,
  sub bigint NOT NULL,
  value bytea NOT NULL,
  UNIQUE(key, end_revision, mod_revision, sub)
);
CREATE TABLE changes(
  revision bigint NOT NULL,
  sub bigint NOT NULL,
  deleted bigint NOT NULL,
  key bytea NOT NULL,
  PRIMARY KEY(revision, sub)
);
CREATE TABLE leases(
  id bigint PRIMARY KEY,
  ttl bigint NOT NULL
);
CREATE TABLE alarms(
  alarm bigint PRIMARY KEY
);
CREATE TABLE kinds(
  id bigint PRIMARY KEY,
  prefix bytea NOT NULL UNIQUE,
  fields bytea NOT NULL,
  indexed_since bigint NOT NULL,
  indexed_to bytea NOT NULL,
  foreign_values bigint NOT NULL
);
CREATE TABLE attribute_names(
  id bigint PRIMARY KEY,
  kind bigint NOT NULL,
  name bytea NOT NULL,
  UNIQUE(kind, name)
);
CREATE TABLE attributes(
  name bigint NOT NULL,
  value bytea NOT NULL,
  object_name bytea NOT NULL,
  since bigint NOT NULL,
  end_revision bigint NOT NULL,
  object bigint NOT NULL,
  PRIMARY KEY(name, value, object_name, since)
) WITH (fillfactor = 90);
CREATE INDEX attributes_ended ON attributes(end_revision) WHERE end_revision <> 0;
CREATE TABLE dependents(
  owner bytea NOT NULL,
  traits bigint NOT NULL,
  key bytea NOT NULL,
  PRIMARY KEY(owner, traits, key)
);
CREATE TABLE collections(
  id bigint PRIMARY KEY,
  action bigint NOT NULL,
  uid bytea NOT NULL,
  key bytea NOT NULL,
  whole bigint NOT NULL,
  waits bigint NOT NULL,
  since bigint NOT NULL,
  cursor_traits bigint NOT NULL,
  cursor_key bytea NOT NULL,
  UNIQUE(action, uid)
);
CREATE INDEX collections_due ON collections(waits, id);
)";

constexpr char kWritesStep[] = R"(
ALTER TABLE meta ADD COLUMN writes bigint NOT NULL DEFAULT 0;
)";

}  // namespace

const std::vector<std::string>& PostgresSchemaSteps() {
  static const std::vector<std::string> steps = {kPostgresTables, kIndexFormsStep, kWritesStep};
  return steps;
}

}  // namespace kubase::sql
