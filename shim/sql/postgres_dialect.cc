// Parameters are "$1"; no bytes are a bytea; and what nested loops would do by itself is written as
// a subquery in the list of columns, which the planner leaves where it is.
#include "shim/sql/postgres_dialect.h"

#include <fmt/format.h>

#include <array>
#include <regex>

#include "shim/sql/statements.h"

namespace kubase::sql {
namespace {

constexpr MatchStyle kPostgresMatchStyle{.join = "JOIN",
                                         .limits_arms = true,
                                         .key = "({} || {})",
                                         .exists = "coalesce(({} LIMIT 1) = 1, false)"};

std::string RewriteForPostgres(std::string text) {
  static const std::regex limit(R"(LIMIT \?(\d+))"), parameter(R"(\?(\d+))"), no_bytes("x''"),
      no_id(", 0 FROM");
  text = std::regex_replace(text, limit, "LIMIT CASE WHEN ?$1 >= 0 THEN ?$1 END");
  text = std::regex_replace(text, parameter, "$$$1");
  text = std::regex_replace(text, no_bytes, "''::bytea");
  // Of another type than the ids beside it, it would keep a union from being merged in order.
  return std::regex_replace(text, no_id, ", 0::bigint FROM");
}

}  // namespace

const std::string& PostgresText(Query query) {
  static const auto texts = [] {
    std::array<std::string, kQueries> all;
    for (size_t i = 0; i < kQueries; ++i) {
      all[i] = RewriteForPostgres(WithLimitedArms(static_cast<Query>(i)));
    }
    return all;
  }();
  return texts[static_cast<size_t>(query)];
}

std::string PostgresMatchText(const MatchShape& shape) {
  return RewriteForPostgres(MatchText(shape, kPostgresMatchStyle));
}

std::string_view PostgresManyText(Query query) {
  switch (query) {
    case Query::kGet:
      return "SELECT key, value, create_revision, mod_revision, version, lease, sub, id "
             "FROM objects WHERE key = ANY($1)";
    case Query::kGetWithMeta:
      return "SELECT m.revision, m.compact_revision, o.key, o.value, o.create_revision, "
             "o.mod_revision, o.version, o.lease, o.sub, o.id "
             "FROM meta m LEFT JOIN objects o ON o.key = ANY($1) WHERE m.id = 1";
    case Query::kGetSuperseded:
      return "SELECT h.key, h.value, h.create_revision, h.mod_revision, h.version, h.lease, h.sub, "
             "h.end_revision FROM unnest($1, $2) AS r(key, revision) JOIN history h ON h.key = "
             "r.key "
             "AND h.end_revision = r.revision AND h.mod_revision < r.revision";
    case Query::kInsertObject:
      return "INSERT INTO objects(id, key, value, create_revision, mod_revision, version, lease, "
             "sub) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
    case Query::kUpdateObject:
      return "UPDATE objects o SET value = r.value, create_revision = r.create_revision, "
             "mod_revision = r.mod_revision, version = r.version, lease = r.lease, sub = r.sub "
             "FROM unnest($1, $2, $3, $4, $5, $6, $7) AS r(value, create_revision, mod_revision, "
             "version, lease, sub, id) WHERE o.id = r.id";
    case Query::kDeleteObject:
      return "DELETE FROM objects WHERE id = ANY($1)";
    case Query::kAddHistory:
      return "INSERT INTO history(key, value, create_revision, mod_revision, version, lease, sub, "
             "end_revision) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
    case Query::kAddChange:
      return "INSERT INTO changes(revision, sub, deleted, key) "
             "SELECT * FROM unnest($1, $2, $3, $4)";
    case Query::kAddAttribute:
      return "INSERT INTO attributes(name, value, object_name, since, end_revision, object) "
             "SELECT r.name, r.value, r.object_name, r.since, 0, r.object "
             "FROM unnest($1, $2, $3, $4, $5) AS r(name, value, object_name, since, object) "
             "ON CONFLICT(name, value, object_name, since) "
             "DO UPDATE SET end_revision = 0, object = excluded.object";
    case Query::kEndAttribute:
      return "UPDATE attributes a SET end_revision = r.end_revision "
             "FROM unnest($1, $2, $3, $4) AS r(end_revision, name, value, object_name) "
             "WHERE a.name = r.name AND a.value = r.value AND a.object_name = r.object_name "
             "AND a.end_revision = 0";
    case Query::kDeleteAttribute:
      return "DELETE FROM attributes a USING unnest($1, $2, $3, $4) AS r(name, value, object_name, "
             "since) WHERE a.name = r.name AND a.value = r.value AND "
             "a.object_name = r.object_name AND a.since = r.since";
    case Query::kAddDependent:
      return "INSERT INTO dependents(owner, traits, key) SELECT * FROM unnest($1, $2, $3) "
             "ON CONFLICT DO NOTHING";
    case Query::kDeleteDependent:
      return "DELETE FROM dependents d USING unnest($1, $2, $3) AS r(owner, traits, key) "
             "WHERE d.owner = r.owner AND d.traits = r.traits AND d.key = r.key";
    default:
      return "";
  }
}

}  // namespace kubase::sql
