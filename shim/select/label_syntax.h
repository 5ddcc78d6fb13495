// What may be a label's key and value (k8s.io/apimachinery pkg/api/validate/content), and which of
// the values are integers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kubase::select {

// What is wrong with it, to follow "…: it ". Empty: nothing.
std::string_view LabelKeyFault(std::string_view key);
std::string_view LabelValueFault(std::string_view value);

// As Go's strconv.ParseInt(text, 10, 64). Null: not an integer, or one that does not fit.
std::optional<int64_t> ParseInteger(std::string_view text);

}  // namespace kubase::select
