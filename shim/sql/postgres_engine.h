// What the engines that speak PostgreSQL's protocol do not have in common. Private to the sql room.
#pragma once

#include <string>
#include <string_view>

namespace kubase::sql {

// What a server says of itself when it is connected to; "" where it says nothing.
struct PostgresGreeting {
  int number = 0;         // 150018
  std::string version;    // "15.18", "15.12-YB-2025.1.0.0-b0"
  std::string cockroach;  // its parameter crdb_version: "CockroachDB CCL v25.1.0 (…)"
};

struct PostgresEngine {
  std::string name;                // with its version, for people
  bool is_supported = true;        // else it is too old
  std::string_view oldest;         // that is supported
  std::string_view settings;       // of each session: statements between semicolons
  std::string_view before_schema;  // statements before those of the schema, with a semicolon
  std::string_view server;         // as RemoteDatabase::IdentifyServerBy
  std::string_view durability;     // as RemoteDatabase::AskDurabilityBy
  std::string_view size;           // gives the bytes of all tables
  std::string_view reclaim;        // with a table's name behind it; "": it does so by itself
  std::string_view shrink;         // likewise, for Reclaim::kSmaller
};

PostgresEngine EngineOf(const PostgresGreeting& greeting);

}  // namespace kubase::sql
