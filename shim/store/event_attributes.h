// EventAttributes: what selectors can ask of the two pairs of an event, read when first asked for.
#pragma once

#include <optional>
#include <vector>

#include "shim/select/attributes.h"
#include "shim/select/selector.h"
#include "shim/store/kind_fields.h"
#include "shim/store/types.h"

namespace kubase::store {

class EventAttributes {
 public:
  // Both must outlive it.
  EventAttributes(const KindFields& fields, const Event& event) : fields_(fields), event_(event) {}

  // Either pair matches, or one that is not known might.
  bool Match(const select::Selector& selector);

  // What each pair that there is can be asked; unreadable where a pair is not known. At most two.
  const std::vector<select::Attributes>& pairs();

 private:
  select::Attributes Read(const KeyValue& pair) const;

  const KindFields& fields_;
  const Event& event_;
  std::optional<std::vector<select::Attributes>> pairs_;
};

}  // namespace kubase::store
