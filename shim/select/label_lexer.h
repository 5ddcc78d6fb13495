// Splits a label selector into tokens, as the lexer of k8s.io/apimachinery pkg/labels does.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace kubase::select {

enum class LabelTokenKind {
  kEnd,
  kWord,  // a key or a value, which "in" and "notin" may be as well
  kIn,
  kNotIn,
  kNot,
  kEqual,
  kDoubleEqual,
  kNotEqual,
  kGreaterThan,
  kLessThan,
  kComma,
  kOpen,
  kClose,
};

struct LabelToken {
  LabelTokenKind kind;
  std::string_view text;  // part of the selector; empty at its end
  size_t at;              // bytes before it
};

// Every text has tokens. The last one, and only that, is kEnd.
std::vector<LabelToken> LabelTokens(std::string_view selector);

}  // namespace kubase::select
