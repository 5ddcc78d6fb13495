// Each entry that an object should have is looked up, and the entries of each name are counted: so
// one that is missing and one too many are both found without listing the index.
#include "shim/store/attribute_check.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "shim/base/limits.h"
#include "shim/select/object_reader.h"
#include "shim/store/attribute_index.h"
#include "shim/store/in_transaction.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/kind.h"
#include "shim/store/owner_index.h"
#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

constexpr int64_t kObjectsAtOnce = 256;
constexpr int64_t kRowsPerStep = 4096;

class Checker {
 public:
  explicit Checker(sql::Connection& connection) : connection_(connection) {}

  Result<AttributeReport> Run() {
    KUBASE_ASSIGN_OR_RETURN(const Meta meta, ReadMeta(connection_));
    KUBASE_ASSIGN_OR_RETURN(const std::vector<IndexedKind> indexed, ReadKinds(connection_));
    KUBASE_TRY(FindUnknownKinds(meta, indexed));
    KUBASE_TRY(CheckDefinitions(meta, indexed));
    for (const IndexedKind& kind : indexed) {
      if (!kind.IsDropped()) KUBASE_TRY(CheckKind(kind));
    }
    return std::move(report_);
  }

 private:
  // What a kind should have of a name, and its id.
  struct Name {
    int64_t id = 0;  // 0: not in the table of names
    int64_t entries = 0;
  };
  using Names = std::map<std::string, Name>;

  void Tell(const std::string& prefix, std::string sentence) {
    ++report_.faults;
    report_.to_repair.insert(prefix);
    if (report_.told.size() < limits::kFaultsToldMax) report_.told.push_back(std::move(sentence));
  }

  // A database from before there was an index has no kinds at all; the next server indexes it.
  Result<void> FindUnknownKinds(const Meta& meta, const std::vector<IndexedKind>& indexed) {
    std::set<std::string> known;
    for (const IndexedKind& kind : indexed) known.insert(kind.prefix);
    KUBASE_ASSIGN_OR_RETURN(const std::vector<Kind> kinds, ListKinds(connection_, meta));
    for (const Kind& kind : kinds) {
      if (kind.IsOther() || known.contains(kind.range.key)) continue;
      if (indexed.empty()) {
        ++report_.unfinished;
      } else {
        Tell(kind.range.key, fmt::format("{} has objects, but is not in the index", kind.name));
      }
    }
    return Ok();
  }

  // The selectable fields of custom resources are those of their definitions.
  Result<void> CheckDefinitions(const Meta& meta, const std::vector<IndexedKind>& indexed) {
    std::map<std::string, std::string> fields;
    for (const IndexedKind& kind : indexed) fields[kind.prefix] = kind.fields;
    return ScanRange(connection_, meta, KindOfKey(kDefinitionsPrefix).range, meta.revision, -1,
                     false, [&](const KeyValuePtr& definition) {
                       const auto declared = ReadDeclaredFields(definition->value);
                       if (!declared) return true;
                       const auto found = fields.find(declared->kind.range.key);
                       if (found != fields.end() && found->second != declared->fields) {
                         Tell(found->first, fmt::format("{} is indexed by other fields than its "
                                                        "definition makes selectable",
                                                        declared->kind.name));
                       }
                       return true;
                     });
  }

  Result<void> CheckKind(const IndexedKind& kind) {
    const Kind resource = KindOfKey(kind.prefix);
    const select::FieldTablePtr fields = FieldsOf(kind, resource.name);
    if (!kind.IsMadeBy(*fields)) {  // the next server makes its entries anew
      ++report_.unfinished;
      return Ok();
    }
    ++(kind.indexed_since == IndexedKind::kNotYet ? report_.unfinished : report_.kinds);
    Names names;
    KeyRange rest = resource.range;
    std::vector<KeyValue> objects;
    do {
      objects.clear();
      const Value params[] = {rest.key, rest.range_end, kObjectsAtOnce};
      KUBASE_TRY(connection_.Select(Query::kList, params, [&](const sql::Row& row) {
        objects.push_back(ParsePair(row));
        return true;
      }));
      for (const KeyValue& object : objects) {
        // None from here on has entries yet.
        if (!kind.IsIndexed(ObjectName(object.key, kind.prefix))) return CountEntries(kind, names);
        KUBASE_TRY(CheckObject(kind, *fields, object, names));
      }
      if (!objects.empty()) rest = After(resource.range, objects.back().key);
    } while (!objects.empty());
    return CountEntries(kind, names);
  }

  Result<void> CheckObject(const IndexedKind& kind, const select::FieldTable& fields,
                           const KeyValue& object, Names& names) {
    ++report_.objects;
    const std::string_view name = ObjectName(object.key, kind.prefix);
    if (IsForeign(name, object.value)) {
      if (!kind.foreign_values) {
        Tell(kind.prefix,
             fmt::format("{} is no Kubernetes object, which is not noted", object.key));
      }
      return Ok();
    }
    for (const auto& [attribute, value] : EntriesOf(fields, name, object.value)) {
      ++report_.entries;
      auto found = names.find(attribute);
      if (found == names.end()) {
        KUBASE_ASSIGN_OR_RETURN(const auto id, FindAttributeName(connection_, kind.id, attribute));
        found = names.emplace(attribute, Name{id.value_or(0), 0}).first;
      }
      ++found->second.entries;
      KUBASE_TRY(CheckEntry(kind, object, attribute, found->second.id, value));
    }
    return Ok();
  }

  Result<void> CheckEntry(const IndexedKind& kind, const KeyValue& object,
                          const std::string& attribute, int64_t name, const std::string& value) {
    std::optional<int64_t> row_of_object;
    const Value params[] = {name, value, ObjectName(object.key, kind.prefix)};
    KUBASE_TRY(connection_.Select(Query::kGetAttribute, params, [&](const sql::Row& row) {
      row_of_object = row.Int(0);
      return false;
    }));
    if (row_of_object == object.id) return Ok();
    Tell(kind.prefix, fmt::format("{}: the entry {}={} {}", object.key, attribute, value,
                                  row_of_object ? "belongs to another row" : "is missing"));
    return Ok();
  }

  Result<void> CountEntries(const IndexedKind& kind, const Names& names) {
    std::map<int64_t, std::pair<std::string, int64_t>> expected;  // by id
    for (const auto& [attribute, name] : names) expected[name.id] = {attribute, name.entries};
    std::vector<int64_t> ids;
    const Value of_kind[] = {kind.id};
    KUBASE_TRY(connection_.Select(Query::kListAttributeNames, of_kind, [&](const sql::Row& row) {
      ids.push_back(row.Int(0));
      return true;
    }));
    for (const int64_t id : ids) {
      const auto& [attribute, entries] = expected[id];
      int64_t found = 0;
      const Value of_name[] = {id};
      KUBASE_TRY(connection_.Select(Query::kCountAttributes, of_name, [&](const sql::Row& row) {
        found = row.Int(0);
        return false;
      }));
      if (found <= entries) continue;  // one that is missing was told with its object
      Tell(kind.prefix,
           fmt::format("{}: {} entries of {} belong to no object", kind.prefix, found - entries,
                       attribute.empty() ? fmt::format("name {}", id) : attribute));
    }
    return Ok();
  }

  sql::Connection& connection_;
  AttributeReport report_;
};

}  // namespace

Result<AttributeReport> CheckAttributes(sql::Connection& connection) {
  KUBASE_TRY(connection.Begin(sql::Access::kRead));
  auto report = Checker(connection).Run();
  connection.Rollback();
  return report;
}

Result<void> RepairAttributes(sql::Connection& connection, const std::set<std::string>& prefixes) {
  KindFields fields;  // nobody filters events here
  AttributeIndex index(fields);
  KUBASE_TRY(index.Load(connection));
  KUBASE_ASSIGN_OR_RETURN(const Meta meta, ReadMeta(connection));
  for (const std::string& prefix : prefixes) {
    KUBASE_TRY(InTransaction(connection,
                             [&] { return index.Rebuild(connection, meta, KindOfKey(prefix)); }));
  }
  const auto admit = [&connection](const KeyValue& object) -> Result<void> {
    KUBASE_TRY(AddOwnersOf(connection, object));
    return Ok();
  };
  while (index.HasWork()) {
    KUBASE_TRY(InTransaction(
        connection, [&] { return index.Step(connection, meta.revision, kRowsPerStep, admit); }));
  }
  return Ok();
}

}  // namespace kubase::store
