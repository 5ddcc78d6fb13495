// What the engines that speak MySQL's protocol do not have in common. Private to the sql room.
#pragma once

#include <string>
#include <string_view>

namespace kubase::sql {

struct MysqlEngine {
  std::string name;             // with its version, for people
  std::string_view server;      // as RemoteDatabase::IdentifyServerBy
  std::string_view durability;  // as RemoteDatabase::AskDurabilityBy
  std::string_view reclaim;     // with a table's name behind it; "": it does so by itself
  std::string_view check;       // likewise; a damage is a row that says so, or an error
};

// `version` as the server says it: "10.11.19-MariaDB-…", "8.0.45", "8.0.11-TiDB-v8.5.0".
MysqlEngine MysqlEngineOf(const std::string& version);

}  // namespace kubase::sql
