// MariaDB has no order that a union keeps, looks up no range of rows of several columns, and calls
// its upsert another name. It reads and sorts a whole table where it takes that for cheaper, with
// however small a LIMIT, so it is told which index each statement is made for.
#include "shim/sql/mysql_dialect.h"

#include <fmt/format.h>

#include <array>
#include <regex>
#include <utility>

#include "shim/sql/statements.h"

namespace kubase::sql {
namespace {

constexpr MatchStyle kMysqlMatchStyle{.join = "STRAIGHT_JOIN",
                                      .limits_arms = true,
                                      .key = "({} || {})",
                                      .exists = "EXISTS({})",
                                      .splits_values = true};

// DELETE takes no such hint.
std::string WithIndexes(std::string text) {
  if (text.starts_with("DELETE")) return text;
  static const std::pair<std::regex, const char*> kHints[] = {
      {std::regex(R"(FROM objects( o)? WHERE (o\.)?key\b)"),
       "FROM objects$1 FORCE INDEX(objects_by_key) WHERE $2key"},
      {std::regex(R"(JOIN objects o ON o\.key\b)"),
       "JOIN objects o FORCE INDEX(objects_by_key) ON o.key"},
      {std::regex(R"(FROM history( o)? WHERE (o\.)?key\b)"),
       "FROM history$1 FORCE INDEX(history_by_key) WHERE $2key"},
      {std::regex(R"(JOIN history h ON o\.id\b)"),
       "JOIN history h FORCE INDEX(history_by_key) ON o.id"},
      {std::regex(R"(FROM attributes( [ar])? WHERE ([ar]\.)?name\b)"),
       "FROM attributes$1 FORCE INDEX(PRIMARY) WHERE $2name"},
      {std::regex("FROM changes c "), "FROM changes c FORCE INDEX(PRIMARY) "},
  };
  for (const auto& [statement, hinted] : kHints) {
    text = std::regex_replace(text, statement, hinted);
  }
  return text;
}

std::string RewriteForMysql(std::string text) {
  static const std::regex limit(R"(LIMIT \?(\d+))"), key(R"(\bkey\b)"), no_bytes("x''");
  text = WithIndexes(std::move(text));
  text = std::regex_replace(text, limit, "LIMIT ?+$1");
  text = std::regex_replace(text, key, "`key`");
  return std::regex_replace(text, no_bytes, "''");
}

// Empty: as the others write it.
std::string OwnText(Query query) {
  switch (query) {
    case Query::kCompactHistory:
      return "DELETE h FROM (SELECT id FROM (SELECT id, end_revision FROM history ORDER BY id "
             "LIMIT ?2) AS first WHERE end_revision <= ?1) AS oldest "
             "STRAIGHT_JOIN history h ON h.id = oldest.id";
    case Query::kCompactChanges:
      return "DELETE FROM changes WHERE revision < ?1 ORDER BY revision, sub LIMIT ?2";
    case Query::kPutAlarm:
      return "INSERT INTO alarms(alarm) VALUES(?1) ON DUPLICATE KEY UPDATE alarm = alarm";
    case Query::kAddAttribute:
      return "INSERT INTO attributes(name, value, object_name, since, end_revision, object) "
             "VALUES(?1, ?2, ?3, ?4, 0, ?5) "
             "ON DUPLICATE KEY UPDATE end_revision = 0, object = VALUES(object)";
    case Query::kAddDependent:
      return "INSERT INTO dependents(owner, traits, key) VALUES(?1, ?2, ?3) "
             "ON DUPLICATE KEY UPDATE traits = VALUES(traits)";
    case Query::kListDependents:
      return "SELECT traits, key FROM dependents WHERE owner = ?1 AND "
             "(traits > ?2 OR traits = ?2 AND key > ?3) ORDER BY traits, key LIMIT ?4";
    case Query::kWalkDependents:
      return "SELECT owner, traits, key FROM dependents WHERE owner > ?1 OR owner = ?1 AND "
             "(traits > ?2 OR traits = ?2 AND key > ?3) ORDER BY owner, traits, key LIMIT ?4";
    case Query::kAddCollection:
      return "INSERT INTO collections(id, action, uid, key, whole, waits, since, cursor_traits, "
             "cursor_key) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, -1, x'') "
             "ON DUPLICATE KEY UPDATE uid = VALUES(uid)";
    default:
      return "";
  }
}

}  // namespace

const std::string& MysqlText(Query query) {
  static const auto texts = [] {
    std::array<std::string, kQueries> all;
    for (size_t i = 0; i < kQueries; ++i) {
      const std::string own = OwnText(static_cast<Query>(i));
      all[i] = RewriteForMysql(own.empty() ? WithLimitedArms(static_cast<Query>(i)) : own);
    }
    return all;
  }();
  return texts[static_cast<size_t>(query)];
}

std::string MysqlMatchText(const MatchShape& shape) {
  return RewriteForMysql(MatchText(shape, kMysqlMatchStyle));
}

}  // namespace kubase::sql
