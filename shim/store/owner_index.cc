// Rows by difference; look-ups by the traits that come in question.
#include "shim/store/owner_index.h"

#include <algorithm>

#include "shim/store/kind.h"

namespace kubase::store {
using sql::Query;
using sql::Value;

bool IsCollected(std::string_view key) {
  const Kind kind = KindOfKey(key);
  return !kind.IsOther() && kind.name != "events" && kind.name != "events.events.k8s.io";
}

std::vector<OwnerRow> OwnerRowsOf(const collect::ObjectMetadata& object) {
  int64_t own = 0;
  if (object.WaitsForDependents()) own |= kWaitsForOwn;
  if (object.skips_caching) own |= kSkipsCaching;
  std::vector<OwnerRow> rows;
  for (const collect::OwnerReference& owner : object.owners) {
    if (owner.uid.size() > kOwnerUidBytesMax) continue;
    const auto same = std::find_if(rows.begin(), rows.end(),
                                   [&](const OwnerRow& row) { return row.owner == owner.uid; });
    if (same == rows.end()) {
      rows.push_back({owner.uid, owner.block_owner_deletion ? own | kBlocks : own});
    } else if (owner.block_owner_deletion) {
      same->traits |= kBlocks;
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

namespace {

std::vector<Value> ParamsOf(const std::string& key, const std::vector<OwnerRow>& rows) {
  std::vector<Value> params;
  params.reserve(rows.size() * 3);
  for (const OwnerRow& row : rows) params.insert(params.end(), {row.owner, row.traits, key});
  return params;
}

}  // namespace

Result<void> AddOwnerRows(sql::Connection& connection, const std::string& key,
                          const std::vector<OwnerRow>& rows) {
  if (rows.empty()) return Ok();
  return connection.ExecuteMany(Query::kAddDependent, ParamsOf(key, rows), 3);
}

Result<bool> HasOwnerRows(sql::Connection& connection, const std::string& key,
                          const std::vector<OwnerRow>& rows) {
  size_t found = 0;
  KUBASE_TRY(connection.SelectMany(Query::kGetDependent, ParamsOf(key, rows), 3,
                                   [&](const sql::Row&) { return ++found > 0; }));
  return found == rows.size();
}

Result<HighestTraits> ReadHighestTraits(sql::Connection& connection,
                                        const std::vector<std::string>& owners) {
  HighestTraits highest;
  if (owners.empty()) return highest;
  for (const std::string& owner : owners) highest[owner] = kNoDependents;
  const std::vector<Value> params(owners.begin(), owners.end());
  KUBASE_TRY(connection.SelectMany(Query::kLastDependent, params, 1, [&](const sql::Row& row) {
    highest[std::string(row.Bytes(0))] = row.Int(1);
    return true;
  }));
  return highest;
}

Result<void> AddOwnersOf(sql::Connection& connection, const KeyValue& object) {
  if (!IsCollected(object.key)) return Ok();
  const std::optional<collect::ObjectMetadata> metadata = collect::ReadMetadata(object.value);
  if (!metadata) return Ok();
  return AddOwnerRows(connection, object.key, OwnerRowsOf(*metadata));
}

Result<void> DeleteOwnerRows(sql::Connection& connection, const std::string& key,
                             const std::vector<OwnerRow>& rows) {
  if (rows.empty()) return Ok();
  return connection.ExecuteMany(Query::kDeleteDependent, ParamsOf(key, rows), 3);
}

Result<std::vector<Dependent>> ListDependents(sql::Connection& connection, const std::string& owner,
                                              const Dependent& after, int64_t limit) {
  std::vector<Dependent> dependents;
  const Value params[] = {owner, after.traits, after.key, limit};
  KUBASE_TRY(connection.Select(Query::kListDependents, params, [&](const sql::Row& row) {
    dependents.push_back({row.Int(0), std::string(row.Bytes(1))});
    return true;
  }));
  return dependents;
}

Result<bool> HasDependent(sql::Connection& connection, const std::string& owner) {
  KUBASE_ASSIGN_OR_RETURN(const auto first,
                          ListDependents(connection, owner, kBeforeDependents, 1));
  return !first.empty();
}

Result<bool> HasDependent(sql::Connection& connection, const std::string& owner,
                          DependentTrait trait) {
  for (int64_t traits = trait; traits < kDependentTraits; ++traits) {
    if ((traits & trait) == 0) continue;
    // No key is empty: what follows has these traits, or higher ones.
    KUBASE_ASSIGN_OR_RETURN(const auto next, ListDependents(connection, owner, {traits, ""}, 1));
    if (next.empty()) return false;
    traits = next.front().traits;
    if ((traits & trait) != 0) return true;
  }
  return false;
}

}  // namespace kubase::store
