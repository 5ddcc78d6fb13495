// MariaDB, MySQL, and TiDB, which is neither under its protocol.
#include "shim/sql/mysql_engine.h"

#include "shim/sql/remote_database.h"

namespace kubase::sql {
namespace {

// The nodes of a Galera cluster lose nothing when one takes over from another.
constexpr std::string_view kMariadbServer =
    "COALESCE((SELECT CRC32(variable_value) FROM information_schema.global_status "
    "WHERE variable_name = 'WSREP_CLUSTER_STATE_UUID' AND variable_value <> ''), @@server_id)";

// With a binary log, the recovery of InnoDB undoes what that log has lost.
constexpr std::string_view kDurability =
    "SELECT CONCAT_WS(', ', IF(@@innodb_flush_log_at_trx_commit IN (1, 3), NULL, "
    "CONCAT('innodb_flush_log_at_trx_commit = ', @@innodb_flush_log_at_trx_commit)), "
    "IF(@@log_bin = 1 AND @@sync_binlog <> 1, CONCAT('sync_binlog = ', @@sync_binlog), NULL))";

}  // namespace

MysqlEngine MysqlEngineOf(const std::string& version) {
  static constexpr std::string_view kTidb = "-TiDB-v";
  if (const size_t tidb = version.find(kTidb); tidb != version.npos) {
    return {.name = "TiDB " + version.substr(tidb + kTidb.size()),
            .server = kOneServer,
            .durability = "",
            .reclaim = "",
            .check = "ADMIN CHECK TABLE"};
  }
  const bool is_mariadb = version.find("MariaDB") != version.npos;
  return {.name = (is_mariadb ? "MariaDB " : "MySQL ") + version.substr(0, version.find('-')),
          .server = is_mariadb ? kMariadbServer : "@@server_id",
          .durability = kDurability,
          .reclaim = "OPTIMIZE TABLE",
          .check = "CHECK TABLE"};
}

}  // namespace kubase::sql
