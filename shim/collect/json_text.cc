// Brackets, separators and strings are all that has to be told apart in valid JSON.
#include "shim/collect/json_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "shim/select/utf8.h"

namespace kubase::collect {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kNone = std::string_view::npos;

size_t EndOfString(std::string_view text, size_t begin) {
  size_t at = begin + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

// Only simdjson knows all escapes; names that have any are rare.
std::string Unquoted(std::string_view quoted) {
  if (quoted.find('\\') == kNone) return std::string(quoted.substr(1, quoted.size() - 2));
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(quoted.data(), quoted.size()).get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// `colon` is kNone in an array.
JsonPart PartOf(std::string_view text, size_t colon) {
  JsonPart part;
  if (colon != kNone) part.name = Unquoted(Trimmed(text.substr(0, colon)));
  const size_t begin = text.find_first_not_of(kSpace, colon == kNone ? 0 : colon + 1);
  const size_t end = text.find_last_not_of(kSpace) + 1;
  part.before = text.substr(0, begin);
  part.value = text.substr(begin, end - begin);
  part.after = text.substr(end);
  return part;
}

}  // namespace

JsonPart* JsonText::Find(std::string_view name) {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [name](const JsonPart& part) { return part.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

bool JsonText::HasNameTwice() const {
  std::vector<std::string_view> names;
  names.reserve(parts.size());
  for (const JsonPart& part : parts) names.push_back(part.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

void JsonText::Set(std::string_view name, std::string value) {
  if (JsonPart* part = Find(name)) {
    part->value = std::move(value);
  } else {
    parts.push_back({std::string(name), QuoteJson(name) + ":", std::move(value), ""});
  }
}

void JsonText::Remove(std::string_view name) {
  std::erase_if(parts, [name](const JsonPart& part) { return part.name == name; });
}

JsonText SplitJson(std::string_view text) {
  JsonText split;
  size_t begin = text.find_first_of("{[") + 1;
  split.before = text.substr(0, begin);
  size_t colon = kNone;
  int depth = 1;
  size_t at = begin;
  const auto add_part = [&] {
    split.parts.push_back(PartOf(text.substr(begin, at - begin), colon));
    begin = at + 1;
    colon = kNone;
  };
  while (at < text.size() && depth > 0) {
    const char c = text[at];
    if (c == '"') {
      at = EndOfString(text, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
    if (c == ',' && depth == 1) add_part();
    if (c == ':' && depth == 1) colon = at - begin;
    ++at;
  }
  const std::string_view rest = text.substr(begin, at - begin);
  if (Trimmed(rest).empty()) {
    split.before += rest;
  } else {
    add_part();
  }
  split.after = text.substr(at);
  return split;
}

std::string JoinJson(const JsonText& text) {
  std::string joined = text.before;
  for (const JsonPart& part : text.parts) {
    if (&part != text.parts.data()) joined += ',';
    joined += part.before + part.value + part.after;
  }
  return joined + text.after;
}

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : select::WithReplacementCharacters(text)) {
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace kubase::collect
