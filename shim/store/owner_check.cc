// Both ways: from the rows to the objects, and from the objects to the rows.
#include "shim/store/owner_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "shim/base/limits.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/in_transaction.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/kind.h"
#include "shim/store/owner_index.h"
#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

constexpr int64_t kRowsAtOnce = 1024;

struct StoredRow {
  OwnerRow row;
  std::string key;
};

std::vector<OwnerRow> RowsOf(const KeyValuePtr& object) {
  if (object == nullptr || !IsCollected(object->key)) return {};
  const auto metadata = collect::ReadMetadata(object->value);
  return metadata ? OwnerRowsOf(*metadata) : std::vector<OwnerRow>();
}

Result<std::vector<StoredRow>> ReadRows(sql::Connection& connection, const StoredRow& after) {
  std::vector<StoredRow> rows;
  const Value params[] = {after.row.owner, after.row.traits, after.key, kRowsAtOnce};
  KUBASE_TRY(connection.Select(Query::kWalkDependents, params, [&](const sql::Row& row) {
    rows.push_back({{std::string(row.Bytes(0)), row.Int(1)}, std::string(row.Bytes(2))});
    return true;
  }));
  return rows;
}

// Calls `use` for each part of the rows that no object has, with where the next part begins.
using UseRows = std::function<Result<void>(const std::vector<StoredRow>& strays)>;
Result<void> ForStrayRows(sql::Connection& connection, const UseRows& use) {
  StoredRow last{{"", -1}, ""};
  while (true) {
    KUBASE_ASSIGN_OR_RETURN(const std::vector<StoredRow> rows, ReadRows(connection, last));
    if (rows.empty()) return Ok();
    last = rows.back();
    std::vector<StoredRow> strays;
    for (const StoredRow& row : rows) {
      KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr object, ReadPair(connection, row.key));
      const std::vector<OwnerRow> expected = RowsOf(object);
      if (std::find(expected.begin(), expected.end(), row.row) == expected.end()) {
        strays.push_back(row);
      }
    }
    KUBASE_TRY(use(strays));
  }
}

// Calls `use` for each part of the objects that are indexed.
using UseObjects = std::function<Result<void>(const std::vector<KeyValue>& objects)>;
Result<void> ForObjects(sql::Connection& connection, const IndexedKind& kind,
                        const UseObjects& use) {
  KeyRange range = KindOfKey(kind.prefix).range;
  while (true) {
    std::vector<KeyValue> objects;
    const Value params[] = {range.key, range.range_end, kRowsAtOnce};
    KUBASE_TRY(connection.Select(Query::kList, params, [&](const sql::Row& row) {
      objects.push_back(ParsePair(row));
      return true;
    }));
    if (objects.empty()) return Ok();
    range.key = objects.back().key + '\0';
    std::erase_if(objects, [&](const KeyValue& object) {
      return !kind.IsIndexed(ObjectName(object.key, kind.prefix));
    });
    if (objects.empty()) return Ok();  // nor is what follows
    KUBASE_TRY(use(objects));
  }
}

Result<void> ForAllObjects(sql::Connection& connection, const UseObjects& use) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<IndexedKind> kinds, ReadKinds(connection));
  for (const IndexedKind& kind : kinds) {
    if (!kind.IsDropped()) KUBASE_TRY(ForObjects(connection, kind, use));
  }
  return Ok();
}

Result<bool> IsStored(sql::Connection& connection, const OwnerRow& row, const std::string& key) {
  bool found = false;
  const Value params[] = {row.owner, row.traits, key};
  KUBASE_TRY(connection.Select(Query::kGetDependent, params, [&](const sql::Row&) {
    found = true;
    return false;
  }));
  return found;
}

void Tell(OwnerReport& report, const std::string& key, const OwnerRow& row, const char* what) {
  ++report.faults;
  if (report.told.size() >= limits::kFaultsToldMax) return;
  report.told.push_back(fmt::format("{}: the reference to the owner {} {}", key, row.owner, what));
}

Result<void> CheckObjects(sql::Connection& connection, const std::vector<KeyValue>& objects,
                          OwnerReport& report) {
  for (const KeyValue& object : objects) {
    for (const OwnerRow& row : RowsOf(std::make_shared<const KeyValue>(object))) {
      ++report.references;
      KUBASE_ASSIGN_OR_RETURN(const bool stored, IsStored(connection, row, object.key));
      if (!stored) Tell(report, object.key, row, "is missing in the index");
    }
  }
  return Ok();
}

Result<OwnerReport> CompareAll(sql::Connection& connection) {
  OwnerReport report;
  KUBASE_TRY(ForAllObjects(connection, [&](const std::vector<KeyValue>& objects) {
    return CheckObjects(connection, objects, report);
  }));
  KUBASE_TRY(ForStrayRows(connection, [&](const std::vector<StoredRow>& strays) -> Result<void> {
    for (const StoredRow& stray : strays) {
      Tell(report, stray.key, stray.row, "is in the index alone");
    }
    return Ok();
  }));
  return report;
}

}  // namespace

Result<OwnerReport> CheckOwners(sql::Connection& connection) {
  KUBASE_TRY(connection.Begin(sql::Access::kRead));
  auto report = CompareAll(connection);
  connection.Rollback();
  return report;
}

Result<void> RepairOwners(sql::Connection& connection) {
  KUBASE_TRY(ForStrayRows(connection, [&](const std::vector<StoredRow>& strays) {
    return InTransaction(connection, [&]() -> Result<void> {
      for (const StoredRow& stray : strays) {
        KUBASE_TRY(DeleteOwnerRows(connection, stray.key, {stray.row}));
      }
      return Ok();
    });
  }));
  return ForAllObjects(connection, [&](const std::vector<KeyValue>& objects) {
    return InTransaction(connection, [&]() -> Result<void> {
      for (const KeyValue& object : objects) KUBASE_TRY(AddOwnersOf(connection, object));
      return Ok();
    });
  });
}

}  // namespace kubase::store
