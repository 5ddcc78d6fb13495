// One attribute drives the search; the others are looked up for what it finds.
#include "shim/sql/match_statement.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

namespace kubase::sql {
namespace {

class MatchWriter {
 public:
  MatchWriter(const MatchShape& shape, const MatchStyle& style) : shape_(shape), style_(style) {
    prefix_ = Next();
    from_ = Next();
    if (shape.bounded) to_ = Next();
    if (shape.at_revision) revision_ = Next();
    if (shape.unreadable) unreadable_ = Next();
  }

  std::string Build() {
    if (shape_.driver_values == 0) return SearchPairs();
    const std::vector<std::string> arms = Arms();
    const std::string conditions = Conditions("d.object_name");
    const std::string limit = Next();
    const auto search = [&](const std::string& driver) {
      return (shape_.at_revision ? JoinPast(driver) : JoinPresent(driver)) + conditions;
    };
    if (arms.size() > 1 && style_.limits_arms) {
      std::vector<std::string> parts;
      for (const std::string& arm : arms) parts.push_back(search(arm));
      return Merge(parts, kByName, limit);
    }
    // SQLite keeps the order of a merged subquery, but does not know that it does and would sort if
    // it were asked for that order again; the inner LIMIT keeps the subquery as it is.
    if (arms.size() > 1) {
      const std::string driver =
          fmt::format("{} ORDER BY object_name LIMIT -1", fmt::join(arms, " UNION ALL "));
      return fmt::format("{} LIMIT {}", search(driver), limit);
    }
    return fmt::format("{}{} LIMIT {}", search(arms.front()), kByName, limit);
  }

 private:
  static constexpr std::array<std::string_view, 7> kColumns = {
      "key", "value", "create_revision", "mod_revision", "version", "lease", "sub"};

  static constexpr char kByName[] = " ORDER BY d.object_name";

  std::string Next() { return fmt::format("?{}", ++parameters_); }

  std::string Values(int count) {
    std::string values = Next();
    for (int i = 1; i < count; ++i) values += ", " + Next();
    return values;
  }

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

  // A part of the driver for each value.
  std::vector<std::string> Arms() {
    const std::string name = Next();
    std::vector<std::string> arms;
    for (int i = 0; i < shape_.driver_values; ++i) arms.push_back(Arm(name, Next(), 0));
    if (shape_.unreadable) arms.push_back(Arm(unreadable_, "x''", 1));
    return arms;
  }

  std::string Exists(std::string_view object_name, int values) {
    const std::string name = Next();
    const auto exists = [&](const std::string& value) {
      const std::string rows = fmt::format(
          "SELECT 1 FROM attributes r WHERE r.name = {} AND r.value {} AND r.object_name = {} "
          "AND {}",
          name, value, object_name, Holds("r"));
      return fmt::format(fmt::runtime(style_.exists), rows);
    };
    if (!style_.splits_values) return exists(fmt::format("IN ({})", Values(values)));
    std::vector<std::string> each;
    for (int i = 0; i < values; ++i) each.push_back(exists("= " + Next()));
    return fmt::format("({})", fmt::join(each, " OR "));
  }

  std::string Conditions(std::string_view object_name) {
    std::string conditions;
    for (const int values : shape_.required) {
      conditions += fmt::format(" AND ({}{})", shape_.unreadable ? "d.unreadable = 1 OR " : "",
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
    return fmt::format("SELECT {} FROM ({}) d {} objects o ON o.id = d.object WHERE true",
                       Columns(column, "o.id"), driver, style_.join);
  }

  // The pair of an object as of the revision lives, or was superseded or deleted later.
  std::string JoinPast(const std::string& driver) const {
    const auto column = [](std::string_view name) {
      return fmt::format("coalesce(o.{0}, h.{0})", name);
    };
    return fmt::format(
        "SELECT {} FROM ({}) d "
        "LEFT JOIN objects o ON o.id = d.object AND o.mod_revision <= {} "
        "LEFT JOIN history h ON o.id IS NULL AND h.key = {} "
        "AND h.end_revision > {} AND h.mod_revision <= {} "
        "WHERE (o.id IS NOT NULL OR h.id IS NOT NULL)",
        Columns(column, "coalesce(o.id, 0)"), driver, revision_,
        fmt::format(fmt::runtime(style_.key), prefix_, "d.object_name"), revision_, revision_);
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
    const std::string limit = Next();
    if (!shape_.at_revision) {
      return fmt::format("{} ORDER BY o.key LIMIT {}", from("objects", "o.id", ""), limit);
    }
    const std::string written = fmt::format(" AND o.mod_revision <= {}", revision_);
    const std::string then = fmt::format("{} AND o.end_revision > {}", written, revision_);
    return Merge({from("objects", "o.id", written), from("history", "0", then)}, " ORDER BY 1",
                 limit);
  }

  // By key, the first column. `order` is the same, for a part alone.
  std::string Merge(std::vector<std::string> parts, std::string_view order,
                    const std::string& limit) const {
    if (style_.limits_arms) {
      for (std::string& part : parts) part = fmt::format("({}{} LIMIT {})", part, order, limit);
    }
    return fmt::format("{} ORDER BY 1 LIMIT {}", fmt::join(parts, " UNION ALL "), limit);
  }

  const MatchShape& shape_;
  const MatchStyle& style_;
  int parameters_ = 0;
  std::string prefix_, from_, to_, revision_, unreadable_;
};

}  // namespace

std::string MatchText(const MatchShape& shape, const MatchStyle& style) {
  return MatchWriter(shape, style).Build();
}

}  // namespace kubase::sql
