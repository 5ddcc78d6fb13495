// Statements of MariaDB with their parameters in the text, and those for many rows.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "shim/sql/mysql_dialect.h"

namespace kubase::sql {
namespace {

// Of the text of a statement, unless one row is longer.
constexpr size_t kStatementBytesMax = 1 << 20;
// Rows that one statement changes: the server looks through all of them for each.
constexpr size_t kRowsChangedMax = 32;
// Of a thousand values and more the server makes a table, and searches that for each row there is.
constexpr size_t kKeysAtOnceMax = 256;

constexpr std::string_view kSet = " SET ";
constexpr std::string_view kWhere = " WHERE ";

void Append(std::string& to, const Value& value, bool is_limit) {
  if (!value.is_bytes()) {
    to += is_limit && value.number() < 0 ? "18446744073709551615" : std::to_string(value.number());
    return;
  }
  to += '\'';
  // Mostly values of some kilobytes without any quote in them.
  std::string_view rest = value.bytes();
  for (size_t quote = rest.find('\''); quote != rest.npos; quote = rest.find('\'')) {
    to.append(rest.substr(0, quote + 1)).append(1, '\'');
    rest.remove_prefix(quote + 1);
  }
  to.append(rest).append(1, '\'');
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
    if (statements.empty() || statements.back().size() > kStatementBytesMax) {
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

// Assignments of an UPDATE: "column = ?N", as statements.cc writes them.
std::vector<std::string_view> AssignmentsIn(std::string_view text) {
  std::vector<std::string_view> assignments;
  const size_t set = text.find(kSet);
  if (set == text.npos) return assignments;
  std::string_view rest = text.substr(set + kSet.size());
  rest = rest.substr(0, rest.find(kWhere));
  while (!rest.empty()) {
    assignments.push_back(rest.substr(0, rest.find(", ")));
    rest.remove_prefix(std::min(assignments.back().size() + 2, rest.size()));
  }
  return assignments;
}

// One UPDATE or DELETE of all rows.
std::string RenderTogether(std::string_view text, Params rows, size_t columns) {
  static constexpr std::string_view kEquals = " = ";
  const std::string_view condition = text.substr(text.find(kWhere) + kWhere.size());
  std::vector<std::string> conditions;
  for (size_t first = 0; first < rows.size(); first += columns) {
    conditions.push_back(Render(condition, rows.subspan(first, columns)));
  }
  std::string rendered(text.substr(0, std::min(text.find(kSet), text.find(kWhere))));
  std::string_view before = kSet;
  for (const std::string_view assignment : AssignmentsIn(text)) {
    const size_t value = assignment.find(kEquals) + kEquals.size();
    rendered.append(before).append(assignment.substr(0, value)).append("CASE");
    for (size_t i = 0; i < conditions.size(); ++i) {
      rendered.append(" WHEN ").append(conditions[i]).append(" THEN ");
      AppendRendered(rendered, assignment.substr(value), rows.subspan(i * columns, columns));
    }
    rendered.append(" END");
    before = ", ";
  }
  return fmt::format("{} WHERE {}", rendered, fmt::join(conditions, " OR "));
}

size_t BytesOf(Params row) {
  size_t bytes = 0;
  for (const Value& value : row) bytes += value.is_bytes() ? value.bytes().size() : 0;
  return bytes;
}

// A statement for so many rows that its text is of limited size.
std::vector<std::string> RenderChanges(std::string_view text, Params params, size_t columns) {
  std::vector<std::string> statements;
  for (size_t first = 0; first < params.size();) {
    size_t end = first, bytes = 0;
    while (end < params.size() && end - first < kRowsChangedMax * columns &&
           bytes <= kStatementBytesMax) {
      bytes += BytesOf(params.subspan(end, columns));
      end += columns;
    }
    const Params rows = params.subspan(first, end - first);
    statements.push_back(rows.size() == columns ? Render(text, rows)
                                                : RenderTogether(text, rows, columns));
    first = end;
  }
  return statements;
}

// Those that name their row by what identifies it, and of which no batch has two for one row.
bool ChangesRowsTogether(Query query) {
  switch (query) {
    case Query::kUpdateObject:
    case Query::kDeleteObject:
    case Query::kEndAttribute:
    case Query::kDeleteAttribute:
    case Query::kDeleteDependent:
      return true;
    default:
      return false;
  }
}

std::string RenderGet(std::string_view text, Params keys) {
  static constexpr std::string_view kOne = "= ?1";
  const size_t one = text.find(kOne);
  std::string rendered = fmt::format("{}IN (", text.substr(0, one));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) rendered += ", ";
    Append(rendered, keys[i], false);
  }
  return fmt::format("{}){}", rendered, text.substr(one + kOne.size()));
}

std::vector<std::string> RenderGets(std::string_view text, Params keys) {
  std::vector<std::string> statements;
  for (size_t first = 0; first < keys.size(); first += kKeysAtOnceMax) {
    const size_t count = std::min(kKeysAtOnceMax, keys.size() - first);
    statements.push_back(RenderGet(text, keys.subspan(first, count)));
  }
  return statements;
}

}  // namespace

std::string Render(std::string_view text, Params params) {
  std::string rendered;
  AppendRendered(rendered, text, params);
  return rendered;
}

std::vector<std::string> RenderMany(Query query, Params params, size_t columns) {
  const std::string& text = MysqlText(query);
  if (text.starts_with("INSERT")) return RenderInserts(text, params, columns);
  if (query == Query::kGet) return RenderGets(text, params);
  if (query == Query::kGetWithMeta) return {RenderGet(text, params)};  // of one snapshot
  if (ChangesRowsTogether(query)) return RenderChanges(text, params, columns);
  std::vector<std::string> statements;
  for (size_t first = 0; first < params.size(); first += columns) {
    statements.push_back(Render(text, params.subspan(first, columns)));
  }
  return statements;
}

}  // namespace kubase::sql
