// The pairs of an event as selectors see them.
#include "shim/store/event_attributes.h"

#include <algorithm>

#include "shim/select/object_reader.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/kind.h"

namespace kubase::store {

bool EventAttributes::Match(const select::Selector& selector) {
  return std::any_of(pairs().begin(), pairs().end(), [&](const select::Attributes& pair) {
    return select::Matches(selector, pair);
  });
}

const std::vector<select::Attributes>& EventAttributes::pairs() {
  if (pairs_) return *pairs_;
  pairs_.emplace();
  const bool put = event_.type == Event::Type::kPut;
  if (put) pairs_->push_back(Read(*event_.kv));
  if (event_.prev != nullptr) {
    pairs_->push_back(Read(*event_.prev));
  } else if (!put || event_.kv->version > 1) {
    // Forgotten by a compaction: of its attributes the key alone is left.
    pairs_->push_back(Read({.key = event_.kv->key}));
  }
  return *pairs_;
}

select::Attributes EventAttributes::Read(const KeyValue& pair) const {
  const Kind kind = KindOfKey(pair.key);
  const std::string_view name =
      kind.IsOther() ? std::string_view(pair.key) : ObjectName(pair.key, kind.range.key);
  return select::ReadAttributes(*fields_.Find(kind), name, pair.value);
}

}  // namespace kubase::store
