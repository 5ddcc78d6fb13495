// One requirement after the other: the index if it can, else the pairs.
#include "shim/store/match_plan.h"

#include <algorithm>
#include <utility>

#include "shim/base/limits.h"

namespace kubase::store {
namespace {

using select::FieldRequirement;
using select::LabelOperator;
using select::LabelRequirement;
using sql::Query;
using sql::Value;

constexpr std::string_view kName = "metadata.name";
constexpr std::string_view kNamespace = "metadata.namespace";

bool IsWithin(const KeyRange& range, const KeyRange& kind) {
  if (!std::string_view(range.key).starts_with(kind.key)) return false;
  return range.IsSingle() || (!range.IsUnbounded() && range.range_end <= kind.range_end);
}

bool AreIndexable(const std::vector<std::string>& values) {
  return !values.empty() && values.size() <= limits::kMatchValuesMax &&
         std::all_of(values.begin(), values.end(),
                     [](const std::string& value) { return value.size() < kIndexedValueBytesMax; });
}

class Planner {
 public:
  Planner(sql::Connection& connection, const select::Selector& selector, const KeyRange& range)
      : connection_(connection), selector_(selector) {
    plan_.range = range;
  }

  Result<MatchPlan> Plan(Revision revision) {
    const Kind kind = KindOfKey(plan_.range.key);
    plan_.fields = select::BuiltInFields("");
    if (!kind.IsOther() && IsWithin(plan_.range, kind.range)) {
      plan_.prefix = kind.range.key;
      KUBASE_ASSIGN_OR_RETURN(const auto known, ReadKind(connection_, plan_.prefix));
      plan_.fields = known ? FieldsOf(*known, kind.name) : select::BuiltInFields(kind.name);
      if (known && !plan_.range.IsSingle() && IsComplete(*known, *plan_.fields, revision)) {
        NarrowByNamespace();
        FindObjectName();
        id_ = known->id;
        plan_.indexed = !plan_.object_name;
      }
    }
    for (const LabelRequirement& requirement : selector_.labels) KUBASE_TRY(Decide(requirement));
    for (const FieldRequirement& requirement : selector_.fields) KUBASE_TRY(Decide(requirement));
    if (plan_.UsesIndex()) {
      KUBASE_ASSIGN_OR_RETURN(plan_.unreadable, FindName(std::string(kIndexedUnreadable)));
    }
    return std::move(plan_);
  }

 private:
  // Whether a read at the revision finds every pair in the index, and a name in every key.
  static bool IsComplete(const IndexedKind& kind, const select::FieldTable& fields,
                         Revision revision) {
    return kind.IsMadeBy(fields) && kind.indexed_since != IndexedKind::kNotYet &&
           kind.indexed_since <= revision && !kind.foreign_values;
  }

  // Objects of a namespace are next to each other.
  void NarrowByNamespace() {
    for (const FieldRequirement& requirement : selector_.fields) {
      if (requirement.field != kNamespace || !requirement.equal || requirement.value.empty()) {
        continue;
      }
      const std::string first = plan_.prefix + requirement.value + "/";
      std::string last = first;
      ++last.back();
      plan_.range.key = std::max(plan_.range.key, first);
      plan_.range.range_end = std::min(plan_.range.range_end, last);
    }
  }

  void FindObjectName() {
    for (const FieldRequirement& requirement : selector_.fields) {
      if (requirement.field == kName && requirement.equal && !requirement.value.empty()) {
        plan_.object_name = requirement.value;
      }
    }
  }

  Result<std::optional<int64_t>> FindName(const std::string& name) {
    return FindAttributeName(connection_, id_, name);
  }

  Result<void> Require(const std::string& name, std::vector<std::string> values) {
    KUBASE_ASSIGN_OR_RETURN(const auto id, FindName(name));
    plan_.required.push_back({id.value_or(IndexCondition::kNoName), std::move(values)});
    return Ok();
  }

  Result<void> Exclude(const std::string& name, std::vector<std::string> values) {
    KUBASE_ASSIGN_OR_RETURN(const auto id, FindName(name));
    if (id) plan_.excluded.push_back({*id, std::move(values)});
    return Ok();
  }

  Result<void> Decide(const LabelRequirement& requirement) {
    const std::string name = IndexedLabel(requirement.key);
    if (plan_.indexed) {
      switch (requirement.op) {
        case LabelOperator::kIn:
          if (AreIndexable(requirement.values)) return Require(name, requirement.values);
          break;
        case LabelOperator::kNotIn:
          if (AreIndexable(requirement.values)) return Exclude(name, requirement.values);
          break;
        default:
          return DecideByValues(name, requirement);
      }
    }
    plan_.rest.labels.push_back(requirement);
    return Ok();
  }

  // What asks for no value in particular asks for some of those there are, if they are few.
  Result<void> DecideByValues(const std::string& name, const LabelRequirement& requirement) {
    KUBASE_ASSIGN_OR_RETURN(const auto id, FindName(name));
    std::vector<std::string> all;
    if (id) {
      KUBASE_ASSIGN_OR_RETURN(all, ListValues(*id));
    }
    if (id && !AreIndexable(all)) {
      plan_.rest.labels.push_back(requirement);
      return Ok();
    }
    if (requirement.op == LabelOperator::kDoesNotExist) {
      if (!all.empty()) plan_.excluded.push_back({*id, std::move(all)});
      return Ok();
    }
    std::erase_if(all, [&](const std::string& value) {
      const select::Attributes object{.readable = true,
                                      .labels = {{requirement.key, value}},
                                      .fields = {},
                                      .name = "",
                                      .object_namespace = ""};
      return !select::Matches(requirement, object);
    });
    if (all.empty()) {
      plan_.required.push_back({IndexCondition::kNoName, {""}});
    } else {
      plan_.required.push_back({*id, std::move(all)});
    }
    return Ok();
  }

  // One more than can be used, at most.
  Result<std::vector<std::string>> ListValues(int64_t name) {
    std::vector<std::string> values;
    std::string from;
    for (bool found = true; found && values.size() <= limits::kMatchValuesMax;) {
      found = false;
      const Value params[] = {name, from};
      KUBASE_TRY(connection_.Select(Query::kNextAttributeValue, params, [&](const sql::Row& row) {
        values.emplace_back(row.Bytes(0));
        found = true;
        return false;
      }));
      if (found) from = values.back() + '\0';
    }
    return values;
  }

  Result<void> Decide(const FieldRequirement& requirement) {
    const bool of_key = requirement.field == kName || requirement.field == kNamespace;
    const select::SelectableField* field = plan_.fields->Find(requirement.field);
    if (!of_key && field == nullptr) return Ok();  // nobody here can tell, so everything matches
    const bool entries = !of_key && plan_.indexed && field->common != requirement.value &&
                         requirement.value.size() < kIndexedValueBytesMax;
    if (!entries) {
      plan_.rest.fields.push_back(requirement);
      return Ok();
    }
    const std::string name = IndexedField(requirement.field);
    return requirement.equal ? Require(name, {requirement.value})
                             : Exclude(name, {requirement.value});
  }

  sql::Connection& connection_;
  const select::Selector& selector_;
  MatchPlan plan_;
  int64_t id_ = 0;  // of the kind
};

}  // namespace

Result<MatchPlan> PlanMatch(sql::Connection& connection, const select::Selector& selector,
                            const KeyRange& range, Revision revision) {
  return Planner(connection, selector, range).Plan(revision);
}

}  // namespace kubase::store
