// MariaDB has no order that a union keeps, looks up no range of rows of several columns, and calls
// its upsert another name. It reads and sorts a whole table where it takes that for cheaper, with
// however small a LIMIT, so it is told which index each statement is made for.
#include "shim/sql/mysql_dialect.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
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

// Of the text of an INSERT, unless one row is longer.
constexpr size_t kInsertBytesMax = 1 << 20;

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

void Append(std::string& to, const Value& value, bool is_limit) {
  if (!value.is_bytes()) {
    to += is_limit && value.number() < 0 ? "18446744073709551615" : std::to_string(value.number());
    return;
  }
  to += '\'';
  for (const char c : value.bytes()) to.append(c == '\'' ? 2 : 1, c);
  to += '\'';
}

void AppendRendered(std::string& to, std::string_view text, Params params) {
  while (!text.empty()) {
    const size_t mark = std::min(text.find('?'), text.size());
    to += text.substr(0, mark);
    text.remove_prefix(mark);
    if (text.empty()) return;
    const bool is_limit = text[1] == '+';
    text.remove_prefix(is_limit ? 2 : 1);
    size_t number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    Append(to, params[number - 1], is_limit);
  }
}

// The end of an INSERT begins behind the parenthesis that the row ends with.
std::vector<std::string> RenderInserts(std::string_view text, Params params, size_t columns) {
  static constexpr std::string_view kValues = " VALUES(";
  const size_t row = text.find(kValues) + kValues.size() - 1;
  const size_t end = text.find(')', row) + 1;
  std::vector<std::string> statements;
  for (size_t first = 0; first < params.size(); first += columns) {
    if (statements.empty() || statements.back().size() > kInsertBytesMax) {
      if (!statements.empty()) statements.back() += text.substr(end);
      statements.emplace_back(text.substr(0, row));
    } else {
      statements.back() += ", ";
    }
    AppendRendered(statements.back(), text.substr(row, end - row), params.subspan(first, columns));
  }
  if (!statements.empty()) statements.back() += text.substr(end);
  return statements;
}

std::string RenderGets(std::string_view text, Params keys) {
  static constexpr std::string_view kOne = "= ?1";
  const size_t one = text.find(kOne);
  std::string rendered = fmt::format("{}IN (", text.substr(0, one));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) rendered += ", ";
    Append(rendered, keys[i], false);
  }
  return fmt::format("{}){}", rendered, text.substr(one + kOne.size()));
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

std::string Render(std::string_view text, Params params) {
  std::string rendered;
  AppendRendered(rendered, text, params);
  return rendered;
}

std::vector<std::string> RenderMany(Query query, Params params, size_t columns) {
  const std::string& text = MysqlText(query);
  if (text.starts_with("INSERT")) return RenderInserts(text, params, columns);
  if (query == Query::kGet || query == Query::kGetWithMeta) return {RenderGets(text, params)};
  std::vector<std::string> statements;
  for (size_t first = 0; first < params.size(); first += columns) {
    statements.push_back(Render(text, params.subspan(first, columns)));
  }
  return statements;
}

}  // namespace kubase::sql
