// Access to parsed JSON that notices what decoders disagree about: names that come twice.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

namespace kubase::select {

struct JsonMember {
  enum class State {
    kAbsent,  // or null, which Go decodes as if it were absent
    kPresent,
    kUndecided,  // it comes twice, or its parent is not an object
  };
  State state = State::kAbsent;
  simdjson::dom::element value;  // of kPresent

  bool present() const { return state == State::kPresent; }
  bool undecided() const { return state == State::kUndecided; }
};

JsonMember MemberOf(simdjson::dom::element parent, std::string_view name);

// Along names from the root down. The empty path is the root itself.
JsonMember MemberAt(simdjson::dom::element root, const std::vector<std::string>& path);

}  // namespace kubase::select
