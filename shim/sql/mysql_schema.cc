// The schema of MariaDB databases, step by step; what the tables mean is in queries.h.
#include "shim/sql/mysql_dialect.h"

namespace kubase::sql {
namespace {

// MariaDB commits each of these by itself, so that a step may be cut off in its middle and is done
// again: nothing is made twice, and the row of meta comes last. Keys end at 3,072 bytes. The ids of
// history grow in the order of its rows, also where each server of TiDB would have its own.
constexpr char kMysqlTables[] = R"(
CREATE TABLE IF NOT EXISTS meta(
  id BIGINT PRIMARY KEY,
  schema_version BIGINT NOT NULL,
  cluster_id BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  compact_revision BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  leader_term BIGINT NOT NULL,
  leader_renewals BIGINT NOT NULL,
  leader_process VARBINARY(512) NOT NULL,
  leader_address VARBINARY(512) NOT NULL,
  server BIGINT NOT NULL,
  writes BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS objects(
  id BIGINT PRIMARY KEY,
  `key` VARBINARY(2000) NOT NULL,
  create_revision BIGINT NOT NULL,
  mod_revision BIGINT NOT NULL,
  version BIGINT NOT NULL,
  lease BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  value LONGBLOB NOT NULL,
  UNIQUE INDEX objects_by_key(`key`),
  INDEX objects_by_lease(lease, `key`)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS history(
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  `key` VARBINARY(2000) NOT NULL,
  end_revision BIGINT NOT NULL,
  create_revision BIGINT NOT NULL,
  mod_revision BIGINT NOT NULL,
  version BIGINT NOT NULL,
  lease BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  value LONGBLOB NOT NULL,
  UNIQUE INDEX history_by_key(`key`, end_revision, mod_revision, sub)
) ENGINE = InnoDB /*T![auto_id_cache] AUTO_ID_CACHE 1 */;
CREATE TABLE IF NOT EXISTS changes(
  revision BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  `key` VARBINARY(2000) NOT NULL,
  PRIMARY KEY(revision, sub)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS leases(
  id BIGINT PRIMARY KEY,
  ttl BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS alarms(
  alarm BIGINT PRIMARY KEY
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS kinds(
  id BIGINT PRIMARY KEY,
  prefix VARBINARY(2000) NOT NULL UNIQUE,
  fields LONGBLOB NOT NULL,
  indexed_since BIGINT NOT NULL,
  indexed_to VARBINARY(2000) NOT NULL,
  foreign_values BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS attribute_names(
  id BIGINT PRIMARY KEY,
  kind BIGINT NOT NULL,
  name VARBINARY(1000) NOT NULL,
  UNIQUE INDEX attribute_names_by_name(kind, name)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS attributes(
  name BIGINT NOT NULL,
  value VARBINARY(512) NOT NULL,
  object_name VARBINARY(2000) NOT NULL,
  since BIGINT NOT NULL,
  end_revision BIGINT NOT NULL,
  object BIGINT NOT NULL,
  PRIMARY KEY(name, value, object_name, since),
  INDEX attributes_ended(end_revision)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS dependents(
  owner VARBINARY(512) NOT NULL,
  traits BIGINT NOT NULL,
  `key` VARBINARY(2000) NOT NULL,
  PRIMARY KEY(owner, traits, `key`)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS collections(
  id BIGINT PRIMARY KEY,
  action BIGINT NOT NULL,
  uid VARBINARY(512) NOT NULL,
  `key` VARBINARY(2000) NOT NULL,
  whole BIGINT NOT NULL,
  waits BIGINT NOT NULL,
  since BIGINT NOT NULL,
  cursor_traits BIGINT NOT NULL,
  cursor_key VARBINARY(2000) NOT NULL,
  UNIQUE INDEX collections_by_uid(action, uid),
  INDEX collections_due(waits, id)
) ENGINE = InnoDB;
INSERT INTO meta
  VALUES(1, 0, FLOOR(RAND() * 9007199254740991) * 1000 + FLOOR(RAND() * 1000) + 1, 1, -1, 0,
         0, 0, '', '', 0, 0)
  ON DUPLICATE KEY UPDATE id = id
)";

}  // namespace

const std::vector<std::string>& MysqlSchemaSteps() {
  static const std::vector<std::string> steps = {kMysqlTables, kIndexFormsStep};
  return steps;
}

}  // namespace kubase::sql
