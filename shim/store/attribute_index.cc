// Entries by difference; kinds as they appear; filling and emptying in steps.
#include "shim/store/attribute_index.h"

#include <algorithm>
#include <utility>

#include "shim/base/limits.h"
#include "shim/select/object_reader.h"
#include "shim/store/difference.h"
#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

// Of the row of a kind that is being dropped: no key begins with it.
std::string DroppedPrefix(int64_t kind) {
  return "#" + std::to_string(kind);
}

Result<int64_t> ReadNumber(sql::Connection& connection, Query query) {
  int64_t number = 0;
  KUBASE_TRY(connection.Select(query, {}, [&](const sql::Row& row) {
    number = row.Int(0);
    return false;
  }));
  return number;
}

}  // namespace

Result<void> AttributeIndex::Load(sql::Connection& connection) {
  kinds_.clear();
  tables_.clear();
  names_.clear();
  unpublished_.clear();
  to_fill_.clear();
  to_drop_.clear();
  has_uncommitted_ = false;
  last_kind_ = 0;
  KUBASE_ASSIGN_OR_RETURN(const std::vector<IndexedKind> kinds, ReadKinds(connection));
  for (const IndexedKind& kind : kinds) {
    last_kind_ = kind.id;
    if (kind.IsDropped()) {
      to_drop_.push_back(kind.id);
      continue;
    }
    if (kind.indexed_since == IndexedKind::kNotYet) to_fill_.push_back(kind.prefix);
    Learn(kind);
    kinds_.emplace(kind.prefix, kind);
  }
  KUBASE_ASSIGN_OR_RETURN(last_name_, ReadNumber(connection, Query::kMaxAttributeNameId));
  return Ok();
}

void AttributeIndex::Learn(const IndexedKind& kind) {
  tables_[kind.id] = FieldsOf(kind, KindOfKey(kind.prefix).name);
  if (!kind.fields.empty()) unpublished_.push_back(kind.prefix);
}

void AttributeIndex::Published() {
  for (const std::string& prefix : std::exchange(unpublished_, {})) {
    if (const auto kind = kinds_.find(prefix); kind != kinds_.end()) {
      fields_.Set(prefix, tables_.at(kind->second.id));
    }
  }
}

Result<void> AttributeIndex::Write(sql::Connection& connection,
                                   std::span<const KeyChange> changes) {
  AttributeRows rows;
  for (const KeyChange& change : changes) {
    KUBASE_ASSIGN_OR_RETURN(IndexedKind * kind,
                            KindForChange(connection, change.key, change.revision));
    if (kind == nullptr) continue;
    if (rows.Has(change.key)) KUBASE_TRY(rows.Flush(connection));
    KUBASE_TRY(WriteChange(connection, *kind, change, rows));
    if (kind->prefix == kDefinitionsPrefix) KUBASE_TRY(Declare(connection, change));
  }
  return rows.Flush(connection);
}

bool AttributeIndex::IsCurrent(const IndexedKind& kind) const {
  return kind.IsMadeBy(*tables_.at(kind.id));
}

bool AttributeIndex::IsCurrent() const {
  return !kinds_.empty() && std::all_of(kinds_.begin(), kinds_.end(), [this](const auto& kind) {
    return IsCurrent(kind.second);
  });
}

Result<void> AttributeIndex::Survey(sql::Connection& connection, const Meta& meta) {
  std::vector<KeyValuePtr> definitions;
  KUBASE_TRY(ScanRange(connection, meta, KindOfKey(kDefinitionsPrefix).range, meta.revision, -1,
                       false, [&](KeyValuePtr definition) {
                         definitions.push_back(std::move(definition));
                         return true;
                       }));
  for (const KeyValuePtr& definition : definitions) {
    KUBASE_TRY(Declare(connection, {definition->key, meta.revision, nullptr, definition}));
  }
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Kind> kinds, ListKinds(connection, meta));
  for (const Kind& kind : kinds) {
    if (kind.IsOther() || kinds_.contains(kind.range.key)) continue;
    KUBASE_TRY(Add(connection, kind.range.key, "", meta.revision));
  }
  std::vector<std::string> outdated;
  for (const auto& [prefix, kind] : kinds_) {
    if (!IsCurrent(kind)) outdated.push_back(prefix);
  }
  for (const std::string& prefix : outdated) {
    IndexedKind& kind = kinds_.at(prefix);
    KUBASE_TRY(Replace(connection, kind, std::string(kind.fields)));
  }
  return Ok();
}

// Null: the key belongs to no kind.
Result<IndexedKind*> AttributeIndex::KindForChange(sql::Connection& connection,
                                                   const std::string& key, Revision revision) {
  const Kind kind = KindOfKey(key);
  if (kind.IsOther()) return static_cast<IndexedKind*>(nullptr);
  if (const auto found = kinds_.find(kind.range.key); found != kinds_.end()) return &found->second;
  return Add(connection, kind.range.key, "", revision);
}

Result<IndexedKind*> AttributeIndex::Add(sql::Connection& connection, const std::string& prefix,
                                         const std::string& fields, Revision revision) {
  KUBASE_ASSIGN_OR_RETURN(const bool has_objects, HasObjects(connection, prefix));
  return Register(connection, prefix, fields, has_objects ? IndexedKind::kNotYet : revision);
}

Result<IndexedKind*> AttributeIndex::Register(sql::Connection& connection,
                                              const std::string& prefix, const std::string& fields,
                                              Revision indexed_since) {
  IndexedKind kind{.id = ++last_kind_,
                   .prefix = prefix,
                   .fields = fields,
                   .form = "",
                   .indexed_since = indexed_since,
                   .indexed_to = "",
                   .foreign_values = false};
  Learn(kind);
  kind.form = FormOf(*tables_.at(kind.id));
  const std::string column = FieldsColumn(kind);
  const Value params[] = {kind.id,         kind.prefix,
                          column,          kind.indexed_since,
                          kind.indexed_to, int64_t{kind.foreign_values}};
  KUBASE_TRY(Change(connection, Query::kAddKind, params));
  if (indexed_since == IndexedKind::kNotYet) to_fill_.push_back(prefix);
  return &kinds_.insert_or_assign(prefix, std::move(kind)).first->second;
}

Result<void> AttributeIndex::Store(sql::Connection& connection, const IndexedKind& kind) {
  const std::string column = FieldsColumn(kind);
  const Value params[] = {
      kind.prefix, column, kind.indexed_since, kind.indexed_to, int64_t{kind.foreign_values},
      kind.id};
  return Change(connection, Query::kUpdateKind, params);
}

Result<void> AttributeIndex::Change(sql::Connection& connection, Query query, sql::Params params) {
  has_uncommitted_ = true;
  return connection.ExecuteMany(query, params, params.size());
}

Result<bool> AttributeIndex::HasObjects(sql::Connection& connection, const std::string& prefix) {
  bool found = false;
  const KeyRange range = KindOfKey(prefix).range;
  const Value params[] = {range.key, range.range_end, int64_t{1}};
  KUBASE_TRY(connection.Select(Query::kListKeys, params, [&](const sql::Row&) {
    found = true;
    return false;
  }));
  return found;
}

Result<IndexEntries> AttributeIndex::EntriesOfPair(sql::Connection& connection, IndexedKind& kind,
                                                   const KeyValuePtr& pair) {
  if (pair == nullptr) return IndexEntries();
  const std::string_view name = ObjectName(pair->key, kind.prefix);
  if (!IsForeign(name, pair->value)) return EntriesOf(*tables_.at(kind.id), name, pair->value);
  if (!kind.foreign_values) {
    kind.foreign_values = true;
    KUBASE_TRY(Store(connection, kind));
  }
  return IndexEntries();
}

Result<void> AttributeIndex::WriteChange(sql::Connection& connection, IndexedKind& kind,
                                         const KeyChange& change, AttributeRows& rows) {
  if (!kind.IsIndexed(ObjectName(change.key, kind.prefix))) return Ok();
  KUBASE_ASSIGN_OR_RETURN(IndexEntries before, EntriesOfPair(connection, kind, change.before));
  KUBASE_ASSIGN_OR_RETURN(IndexEntries after, EntriesOfPair(connection, kind, change.after));
  const bool same_row =
      change.before != nullptr && change.after != nullptr && change.before->id == change.after->id;
  if (same_row) {
    IndexEntries ended = Difference(before, after);
    after = Difference(after, before);
    before = std::move(ended);
  }
  KUBASE_TRY(EndEntries(connection, kind, change, std::move(before), rows));
  if (change.after == nullptr) return Ok();
  return AddEntries(connection, kind, *change.after, change.revision, std::move(after), rows);
}

Result<void> AttributeIndex::AddEntries(sql::Connection& connection, const IndexedKind& kind,
                                        const KeyValue& object, Revision since,
                                        IndexEntries entries, AttributeRows& rows) {
  const std::string_view object_name = ObjectName(object.key, kind.prefix);
  for (auto& [name, value] : entries) {
    KUBASE_ASSIGN_OR_RETURN(const int64_t id, NameId(connection, kind, name));
    rows.Add(object.key, object_name, object.id, id, std::move(value), since);
  }
  return Ok();
}

Result<void> AttributeIndex::EndEntries(sql::Connection& connection, const IndexedKind& kind,
                                        const KeyChange& change, IndexEntries entries,
                                        AttributeRows& rows) {
  const std::string_view object_name = ObjectName(change.key, kind.prefix);
  for (auto& [name, value] : entries) {
    KUBASE_ASSIGN_OR_RETURN(const int64_t id, NameId(connection, kind, name));
    rows.End(change.key, object_name, id, std::move(value), change.revision);
  }
  return Ok();
}

Result<int64_t> AttributeIndex::NameId(sql::Connection& connection, const IndexedKind& kind,
                                       const std::string& name) {
  const std::string cached = std::to_string(kind.id) + name;
  if (const auto found = names_.find(cached); found != names_.end()) return found->second;
  KUBASE_ASSIGN_OR_RETURN(std::optional<int64_t> id, FindAttributeName(connection, kind.id, name));
  if (!id) {
    id = ++last_name_;
    const Value row[] = {*id, kind.id, name};
    KUBASE_TRY(Change(connection, Query::kAddAttributeName, row));
  }
  if (names_.size() >= limits::kAttributeNamesCachedMax) names_.clear();
  names_.emplace(cached, *id);
  return *id;
}

// What the definition of a custom resource says about its selectable fields. When it is deleted
// nothing changes: its objects go as well.
Result<void> AttributeIndex::Declare(sql::Connection& connection, const KeyChange& change) {
  if (change.after == nullptr) return Ok();
  const auto declared = ReadDeclaredFields(change.after->value);
  if (!declared) return Ok();
  const auto found = kinds_.find(declared->kind.range.key);
  if (found == kinds_.end()) {
    KUBASE_TRY(Add(connection, declared->kind.range.key, declared->fields, change.revision));
  } else if (found->second.fields != declared->fields) {
    KUBASE_TRY(Replace(connection, found->second, declared->fields));
  }
  return Ok();
}

Result<void> AttributeIndex::Rebuild(sql::Connection& connection, const Meta& meta,
                                     const Kind& kind) {
  std::string fields;
  const std::string definition_key =
      std::string(kDefinitionsPrefix).append(kind.name);  // of a custom resource
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr definition, ReadPair(connection, definition_key));
  if (definition != nullptr) {
    if (const auto declared = ReadDeclaredFields(definition->value)) fields = declared->fields;
  }
  const auto found = kinds_.find(kind.range.key);
  if (found != kinds_.end()) return Replace(connection, found->second, fields);
  KUBASE_TRY(Add(connection, kind.range.key, fields, meta.revision));
  return Ok();
}

// A new kind in the place of the old one: its entries are made from the beginning, while those of
// the old one go. It may have objects of which the database does not know yet, in the same batch.
Result<void> AttributeIndex::Replace(sql::Connection& connection, IndexedKind& kind,
                                     const std::string& fields) {
  const std::string prefix = kind.prefix;
  kind.prefix = DroppedPrefix(kind.id);
  KUBASE_TRY(Store(connection, kind));
  to_drop_.push_back(kind.id);
  std::erase(to_fill_, prefix);
  tables_.erase(kind.id);
  kinds_.erase(prefix);
  KUBASE_TRY(Register(connection, prefix, fields, IndexedKind::kNotYet));
  unpublished_.push_back(prefix);
  return Ok();
}

Result<void> AttributeIndex::Step(sql::Connection& connection, Revision revision, int64_t rows,
                                  const Admit& admit) {
  if (!to_fill_.empty()) {
    return FillStep(connection, kinds_.at(to_fill_.back()), revision, rows, admit);
  }
  return DropStep(connection, to_drop_.back(), rows);
}

Result<void> AttributeIndex::FillStep(sql::Connection& connection, IndexedKind& kind,
                                      Revision revision, int64_t count, const Admit& admit) {
  std::vector<KeyValuePtr> objects;
  KeyRange range = KindOfKey(kind.prefix).range;
  if (!kind.indexed_to.empty()) range.key = kind.prefix + kind.indexed_to + '\0';
  const Value params[] = {range.key, range.range_end, count};
  KUBASE_TRY(connection.Select(Query::kList, params, [&](const sql::Row& row) {
    objects.push_back(std::make_shared<const KeyValue>(ParsePair(row)));
    return true;
  }));
  AttributeRows rows;
  for (const KeyValuePtr& object : objects) {
    KUBASE_ASSIGN_OR_RETURN(IndexEntries entries, EntriesOfPair(connection, kind, object));
    KUBASE_TRY(
        AddEntries(connection, kind, *object, object->mod_revision, std::move(entries), rows));
    KUBASE_TRY(admit(*object));
  }
  KUBASE_TRY(rows.Flush(connection));
  if (static_cast<int64_t>(objects.size()) < count) {
    kind.indexed_since = revision;
    kind.indexed_to.clear();
    std::erase(to_fill_, std::string(kind.prefix));
  } else {
    kind.indexed_to = ObjectName(objects.back()->key, kind.prefix);
  }
  return Store(connection, kind);
}

Result<void> AttributeIndex::DropStep(sql::Connection& connection, int64_t kind, int64_t rows) {
  int64_t name = 0;
  const Value of_kind[] = {kind};
  KUBASE_TRY(connection.Select(Query::kListAttributeNames, of_kind, [&](const sql::Row& row) {
    name = row.Int(0);
    return false;
  }));
  if (name == 0) {
    std::erase(to_drop_, kind);
    return Change(connection, Query::kDeleteKind, of_kind);
  }
  const Value of_name[] = {name, rows};
  KUBASE_ASSIGN_OR_RETURN(const int64_t deleted,
                          DeleteAttributes(connection, Query::kListAttributesOfName, of_name));
  if (deleted > 0) return Ok();
  return Change(connection, Query::kDeleteAttributeName, sql::Params(of_name, 1));
}

Result<int64_t> AttributeIndex::DeleteAttributes(sql::Connection& connection, Query list,
                                                 sql::Params params) {
  std::vector<std::string> texts;
  std::vector<int64_t> numbers;
  KUBASE_TRY(connection.Select(list, params, [&](const sql::Row& row) {
    numbers.insert(numbers.end(), {row.Int(0), row.Int(3)});
    texts.insert(texts.end(), {std::string(row.Bytes(1)), std::string(row.Bytes(2))});
    return true;
  }));
  std::vector<Value> rows;
  rows.reserve(numbers.size() * 2);
  for (size_t i = 0; i < numbers.size(); i += 2) {
    rows.insert(rows.end(), {numbers[i], texts[i], texts[i + 1], numbers[i + 1]});
  }
  if (!rows.empty()) KUBASE_TRY(connection.ExecuteMany(Query::kDeleteAttribute, rows, 4));
  return static_cast<int64_t>(numbers.size() / 2);
}

Result<int64_t> AttributeIndex::Compact(sql::Connection& connection, Revision compact_revision,
                                        int64_t rows) {
  const Value params[] = {compact_revision, rows};
  return DeleteAttributes(connection, Query::kListEndedAttributes, params);
}

}  // namespace kubase::store
