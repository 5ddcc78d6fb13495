// Changes to a SQLite file behind kubase's back.
#pragma once

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace kubase::testing {

inline constexpr int kScriptPatienceMs = 10'000;

// How many rows it changed.
inline int RunSqliteScript(const std::string& path, const std::string& script) {
  sqlite3* database = nullptr;
  int code = sqlite3_open(path.c_str(), &database);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(database, kScriptPatienceMs);  // kubase may be writing
    code = sqlite3_exec(database, script.c_str(), nullptr, nullptr, nullptr);
  }
  const int changes = sqlite3_total_changes(database);
  const std::string message = sqlite3_errmsg(database);
  sqlite3_close(database);
  if (code != SQLITE_OK) throw std::runtime_error(script + ": " + message);
  return changes;
}

}  // namespace kubase::testing
