// Rows of an attribute with one value are in the order of their objects' names, and so are the
// objects; several values are merged. SQLite keeps the order of a merged subquery but does not know
// that it does, and would sort if it were asked for that order again.
#include "shim/sql/sqlite_matching.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

namespace kubase::sql {
namespace {

class MatchText {
 public:
  explicit MatchText(const MatchShape& shape) : shape_(shape) {
    prefix_ = Next();
    from_ = Next();
    if (shape.bounded) to_ = Next();
    if (shape.at_revision) revision_ = Next();
    if (shape.unreadable) unreadable_ = Next();
  }

  std::string Build() {
    if (shape_.driver_values == 0) return SearchPairs();
    const std::string driver = Driver();
    const std::string conditions = Conditions("d.object_name");
    const std::string joined = shape_.at_revision ? JoinPast(driver) : JoinPresent(driver);
    const char* order = Arms() == 1 ? " ORDER BY d.object_name" : "";
    return fmt::format("{}{}{} LIMIT {}", joined, conditions, order, Next());
  }

 private:
  static constexpr std::array<std::string_view, 7> kColumns = {
      "key", "value", "create_revision", "mod_revision", "version", "lease", "sub"};

  std::string Next() { return fmt::format("?{}", ++parameters_); }

  std::string Values(int count) {
    std::string values = Next();
    for (int i = 1; i < count; ++i) values += ", " + Next();
    return values;
  }

  int Arms() const { return shape_.driver_values + (shape_.unreadable ? 1 : 0); }

  // Rows of `attributes`, called `table`, that hold at the revision of the read.
  std::string Holds(std::string_view table) const {
    if (!shape_.at_revision) return fmt::format("{}.end_revision = 0", table);
    return fmt::format("{0}.since <= {1} AND ({0}.end_revision = 0 OR {0}.end_revision > {1})",
                       table, revision_);
  }

  std::string Arm(const std::string& name, const std::string& value, int unreadable) const {
    return fmt::format(
        "SELECT a.object_name, a.object, {} AS unreadable FROM attributes a "
        "WHERE a.name = {} AND a.value = {} AND a.object_name >= {}{} AND {}",
        unreadable, name, value, from_,
        shape_.bounded ? fmt::format(" AND a.object_name < {}", to_) : "", Holds("a"));
  }

  std::string Driver() {
    const std::string name = Next();
    std::string driver = Arm(name, Next(), 0);
    for (int i = 1; i < shape_.driver_values; ++i) driver += " UNION ALL " + Arm(name, Next(), 0);
    if (shape_.unreadable) driver += " UNION ALL " + Arm(unreadable_, "x''", 1);
    if (Arms() > 1) driver += " ORDER BY object_name LIMIT -1";
    return driver;
  }

  std::string Exists(std::string_view object_name, int values) {
    const std::string name = Next();
    return fmt::format(
        "EXISTS(SELECT 1 FROM attributes r WHERE r.name = {} AND r.value IN ({}) "
        "AND r.object_name = {} AND {})",
        name, Values(values), object_name, Holds("r"));
  }

  std::string Conditions(std::string_view object_name) {
    std::string conditions;
    for (const int values : shape_.required) {
      conditions += fmt::format(" AND ({}{})", shape_.unreadable ? "d.unreadable OR " : "",
                                Exists(object_name, values));
    }
    for (const int values : shape_.excluded) {
      conditions += " AND NOT " + Exists(object_name, values);
    }
    return conditions;
  }

  // The pair columns; `column` says how each is read.
  template <typename Column>
  std::string Columns(const Column& column, std::string_view id) const {
    std::string columns;
    for (const std::string_view name : kColumns) {
      if (shape_.keys_only && name == "value") {
        columns += "x'' AS value, ";
      } else if (shape_.keys_only && name == "lease") {
        columns += "0, ";
      } else {
        columns += column(name) + ", ";
      }
    }
    return columns + std::string(id);
  }

  std::string JoinPresent(const std::string& driver) const {
    const auto column = [](std::string_view name) { return fmt::format("o.{}", name); };
    return fmt::format("SELECT {} FROM ({}) d CROSS JOIN objects o ON o.id = d.object WHERE true",
                       Columns(column, "o.id"), driver);
  }

  // The pair of an object as of the revision lives, or was superseded or deleted later.
  std::string JoinPast(const std::string& driver) const {
    const auto column = [](std::string_view name) {
      return fmt::format("coalesce(o.{0}, h.{0})", name);
    };
    return fmt::format(
        "SELECT {} FROM ({}) d "
        "LEFT JOIN objects o ON o.id = d.object AND o.mod_revision <= {} "
        "LEFT JOIN history h ON o.id IS NULL AND h.key = CAST({} || d.object_name AS BLOB) "
        "AND h.end_revision > {} AND h.mod_revision <= {} "
        "WHERE (o.id IS NOT NULL OR h.id IS NOT NULL)",
        Columns(column, "coalesce(o.id, 0)"), driver, revision_, prefix_, revision_, revision_);
  }

  // No attribute narrows the search down: the pairs of the range, without those excluded.
  std::string SearchPairs() {
    const std::string object_name = fmt::format("substr(o.key, length({}) + 1)", prefix_);
    const std::string conditions = Conditions(object_name);
    const auto column = [](std::string_view name) { return fmt::format("o.{0} AS {0}", name); };
    const auto from = [&](std::string_view table, std::string_view id, const std::string& when) {
      return fmt::format("SELECT {} FROM {} o WHERE o.key >= {}{}{}{}", Columns(column, id), table,
                         from_, shape_.bounded ? fmt::format(" AND o.key < {}", to_) : "", when,
                         conditions);
    };
    std::string text = from("objects", "o.id", "");
    if (shape_.at_revision) {
      const std::string written = fmt::format(" AND o.mod_revision <= {}", revision_);
      text = from("objects", "o.id", written) + " UNION ALL " +
             from("history", "0", written + fmt::format(" AND o.end_revision > {}", revision_));
    }
    return fmt::format("{} ORDER BY {} LIMIT {}", text, shape_.at_revision ? "1" : "o.key", Next());
  }

  const MatchShape& shape_;
  int parameters_ = 0;
  std::string prefix_, from_, to_, revision_, unreadable_;
};

}  // namespace

std::string SqliteMatchText(const MatchShape& shape) {
  return MatchText(shape).Build();
}

}  // namespace kubase::sql
