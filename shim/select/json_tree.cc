// Looking up members without trusting that a name comes once.
#include "shim/select/json_tree.h"

namespace kubase::select {

JsonMember MemberOf(simdjson::dom::element parent, std::string_view name) {
  using State = JsonMember::State;
  simdjson::dom::object object;
  if (parent.get(object) != simdjson::SUCCESS) return {State::kUndecided, {}};
  JsonMember found;
  for (auto member = object.begin(); member != object.end(); ++member) {
    if (!member.key_equals(name)) continue;
    if (found.state != State::kAbsent) return {State::kUndecided, {}};
    found = {State::kPresent, member.value()};
  }
  if (found.present() && found.value.is_null()) return {};
  return found;
}

JsonMember MemberAt(simdjson::dom::element root, const std::vector<std::string>& path) {
  JsonMember member{JsonMember::State::kPresent, root};
  for (const std::string& name : path) {
    member = MemberOf(member.value, name);
    if (!member.present()) break;
  }
  return member;
}

}  // namespace kubase::select
