// Longest match of symbols; whatever is neither a symbol nor white space is part of a word.
#include "shim/select/label_lexer.h"

#include <algorithm>

namespace kubase::select {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kSymbols = "=!(),><";
// Upstream's lexer has a NUL byte for the end of the text where a token may begin, and loses one
// that follows a token.
constexpr std::string_view kWordEnds("=!(),>< \t\r\n\0", 12);

LabelTokenKind KindOfWord(std::string_view word) {
  if (word == "in") return LabelTokenKind::kIn;
  if (word == "notin") return LabelTokenKind::kNotIn;
  return LabelTokenKind::kWord;
}

LabelTokenKind KindOfSymbol(char symbol) {
  switch (symbol) {
    case '=':
      return LabelTokenKind::kEqual;
    case '!':
      return LabelTokenKind::kNot;
    case '>':
      return LabelTokenKind::kGreaterThan;
    case '<':
      return LabelTokenKind::kLessThan;
    case ',':
      return LabelTokenKind::kComma;
    case '(':
      return LabelTokenKind::kOpen;
    default:
      return LabelTokenKind::kClose;
  }
}

LabelToken TokenAt(std::string_view selector, size_t at) {
  const std::string_view rest = selector.substr(at);
  if (rest.starts_with("==")) return {LabelTokenKind::kDoubleEqual, rest.substr(0, 2), at};
  if (rest.starts_with("!=")) return {LabelTokenKind::kNotEqual, rest.substr(0, 2), at};
  if (kSymbols.find(rest.front()) != std::string_view::npos) {
    return {KindOfSymbol(rest.front()), rest.substr(0, 1), at};
  }
  const std::string_view word = rest.substr(0, rest.find_first_of(kWordEnds));
  return {KindOfWord(word), word, at};
}

}  // namespace

std::vector<LabelToken> LabelTokens(std::string_view selector) {
  std::vector<LabelToken> tokens;
  size_t at = 0;
  while (true) {
    at = std::min(selector.find_first_not_of(kSpace, at), selector.size());
    if (at == selector.size() || selector[at] == '\0') break;
    tokens.push_back(TokenAt(selector, at));
    at += tokens.back().text.size();
    if (at < selector.size() && selector[at] == '\0') ++at;
  }
  tokens.push_back({LabelTokenKind::kEnd, {}, at});
  return tokens;
}

}  // namespace kubase::select
