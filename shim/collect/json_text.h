// JsonText: a JSON object or array as text, taken apart to be changed without touching a byte of
// what stands beside the change.
//
// simdjson gives neither the text of every member nor the white space around it; so the text is
// split here, after simdjson has found it to be valid.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kubase::collect {

// A member of an object, or an element of an array.
struct JsonPart {
  std::string name;    // of a member, without escapes
  std::string before;  // what stands between the separator and the value
  std::string value;
  std::string after;  // white space
};

struct JsonText {
  std::string before;  // up to and with the opening bracket
  std::vector<JsonPart> parts;
  std::string after;  // from the closing bracket on

  // Null: there is no such member. Valid until a member comes or goes.
  JsonPart* Find(std::string_view name);
  bool HasNameTwice() const;

  // Instead of the member's value, or behind the other members.
  void Set(std::string_view name, std::string value);
  void Remove(std::string_view name);
};

// The text must be valid JSON: an object or an array, which white space may surround.
JsonText SplitJson(std::string_view text);
std::string JoinJson(const JsonText& text);

// In double quotes, with the escapes that JSON asks for.
std::string QuoteJson(std::string_view text);

}  // namespace kubase::collect
