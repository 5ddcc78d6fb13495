// labels.Parse of k8s.io/apimachinery: recursive descent over the tokens.
#include "shim/select/label_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "shim/select/label_lexer.h"
#include "shim/select/label_syntax.h"
#include "shim/select/quote.h"

namespace kubase::select {
namespace {

using Kind = LabelTokenKind;
using Values = std::set<std::string, std::less<>>;

class Parser {
 public:
  explicit Parser(std::string_view selector)
      : selector_(selector), tokens_(LabelTokens(selector)) {}

  Result<std::vector<LabelRequirement>> Parse();

 private:
  Result<LabelRequirement> ParseRequirement();
  Result<LabelRequirement> ParseComparison(std::string_view key);
  Result<Values> ParseSet();
  Result<Values> ParseList();
  Result<Values> ParseExactValue();

  // The next token, where "in" and "notin" are words like any other.
  LabelToken Peek() const;
  LabelToken Take();

  Error Refused(const LabelToken& token, std::string_view expected) const;
  Error Invalid(std::string_view what, std::string_view text, std::string_view fault) const;

  const std::string_view selector_;
  const std::vector<LabelToken> tokens_;
  size_t next_ = 0;  // no rule takes a token after kEnd
};

LabelToken Parser::Peek() const {
  LabelToken token = tokens_[next_];
  if (token.kind == Kind::kIn || token.kind == Kind::kNotIn) token.kind = Kind::kWord;
  return token;
}

LabelToken Parser::Take() {
  const LabelToken token = Peek();
  ++next_;
  return token;
}

Error Parser::Refused(const LabelToken& token, std::string_view expected) const {
  const std::string found = token.kind == Kind::kEnd ? "it ends" : "there is " + Quote(token.text);
  return {ErrorCode::kInvalidArgument,
          fmt::format("label selector {}: after {} bytes {}, where {} has to be", Quote(selector_),
                      token.at, found, expected)};
}

Error Parser::Invalid(std::string_view what, std::string_view text, std::string_view fault) const {
  return {ErrorCode::kInvalidArgument, fmt::format("label selector {}: {} {} cannot be, it {}",
                                                   Quote(selector_), what, Quote(text), fault)};
}

Result<std::vector<LabelRequirement>> Parser::Parse() {
  std::vector<LabelRequirement> requirements;
  if (Peek().kind == Kind::kEnd) return requirements;
  while (true) {
    KUBASE_ASSIGN_OR_RETURN(LabelRequirement requirement, ParseRequirement());
    requirements.push_back(std::move(requirement));
    const LabelToken token = Take();
    if (token.kind == Kind::kEnd) return requirements;
    if (token.kind != Kind::kComma) return Refused(token, "',' or the end");
  }
}

Result<LabelRequirement> Parser::ParseRequirement() {
  const bool negated = Peek().kind == Kind::kNot;
  if (negated) ++next_;
  const LabelToken key = Take();
  if (key.kind != Kind::kWord) return Refused(key, negated ? "a key" : "'!' or a key");
  if (const auto fault = LabelKeyFault(key.text); !fault.empty()) {
    return Invalid("the key", key.text, fault);
  }
  if (negated) return LabelRequirement{std::string(key.text), LabelOperator::kDoesNotExist, {}};
  const Kind after = Peek().kind;
  if (after == Kind::kEnd || after == Kind::kComma) {
    return LabelRequirement{std::string(key.text), LabelOperator::kExists, {}};
  }
  return ParseComparison(key.text);
}

std::optional<LabelOperator> OperatorOf(Kind kind) {
  switch (kind) {
    case Kind::kIn:
    case Kind::kEqual:
    case Kind::kDoubleEqual:
      return LabelOperator::kIn;
    case Kind::kNotIn:
    case Kind::kNotEqual:
      return LabelOperator::kNotIn;
    case Kind::kGreaterThan:
      return LabelOperator::kGreaterThan;
    case Kind::kLessThan:
      return LabelOperator::kLessThan;
    default:
      return std::nullopt;
  }
}

Result<LabelRequirement> Parser::ParseComparison(std::string_view key) {
  const LabelToken token = tokens_[next_++];
  const std::optional<LabelOperator> op = OperatorOf(token.kind);
  if (!op) return Refused(token, "'=', '==', '!=', '<', '>', 'in', 'notin', ',' or the end");
  const bool is_set = token.kind == Kind::kIn || token.kind == Kind::kNotIn;
  KUBASE_ASSIGN_OR_RETURN(Values values, is_set ? ParseSet() : ParseExactValue());
  const bool is_number = *op == LabelOperator::kGreaterThan || *op == LabelOperator::kLessThan;
  for (const std::string& value : values) {
    if (const auto fault = LabelValueFault(value); !fault.empty()) {
      return Invalid("the value", value, fault);
    }
    if (is_number && !ParseInteger(value)) {
      return Invalid("the value", value, "is no integer of 64 bits, which '<' and '>' need");
    }
  }
  return LabelRequirement{std::string(key), *op, {values.begin(), values.end()}};
}

Result<Values> Parser::ParseSet() {
  const LabelToken open = Take();
  if (open.kind != Kind::kOpen) return Refused(open, "'('");
  if (Peek().kind == Kind::kClose) {
    ++next_;
    return Values{""};
  }
  return ParseList();
}

// Between two commas, and between a comma and a parenthesis, there is the empty value.
Result<Values> Parser::ParseList() {
  Values values;
  bool wants_value = true;
  while (true) {
    const LabelToken token = Take();
    if (token.kind == Kind::kWord && wants_value) {
      values.emplace(token.text);
      wants_value = false;
    } else if (token.kind == Kind::kComma || token.kind == Kind::kClose) {
      if (wants_value) values.emplace();
      if (token.kind == Kind::kClose) return values;
      wants_value = true;
    } else {
      return Refused(token, wants_value ? "a value, ',' or ')'" : "',' or ')'");
    }
  }
}

Result<Values> Parser::ParseExactValue() {
  const Kind kind = Peek().kind;
  if (kind == Kind::kEnd || kind == Kind::kComma) return Values{""};
  const LabelToken value = Take();
  if (value.kind != Kind::kWord) return Refused(value, "a value");
  return Values{std::string(value.text)};
}

}  // namespace

Result<std::vector<LabelRequirement>> ParseLabels(std::string_view selector) {
  KUBASE_ASSIGN_OR_RETURN(std::vector<LabelRequirement> requirements, Parser(selector).Parse());
  std::stable_sort(requirements.begin(), requirements.end(),
                   [](const auto& a, const auto& b) { return a.key < b.key; });
  return requirements;
}

}  // namespace kubase::select
