// MariaDB, MySQL, and TiDB, which is neither under its protocol.
#include "shim/sql/mysql_engine.h"

#include "shim/sql/remote_database.h"

namespace kubase::sql {
namespace {

// The nodes of a Galera cluster lose nothing when one takes over from another.
constexpr std::string_view kMariadbServer =
    "COALESCE((SELECT CRC32(variable_value) FROM information_schema.global_status "
    "WHERE variable_name = 'WSREP_CLUSTER_STATE_UUID' AND variable_value <> ''), @@server_id)";

}  // namespace

MysqlEngine MysqlEngineOf(const std::string& version) {
  static constexpr std::string_view kTidb = "-TiDB-v";
  if (const size_t tidb = version.find(kTidb); tidb != version.npos) {
    return {.name = "TiDB " + version.substr(tidb + kTidb.size()),
            .server = kOneServer,
            .reclaim = "",
            .check = "ADMIN CHECK TABLE"};
  }
  const bool is_mariadb = version.find("MariaDB") != version.npos;
  return {.name = (is_mariadb ? "MariaDB " : "MySQL ") + version.substr(0, version.find('-')),
          .server = is_mariadb ? kMariadbServer : "@@server_id",
          .reclaim = "OPTIMIZE TABLE",
          .check = "CHECK TABLE"};
}

}  // namespace kubase::sql
