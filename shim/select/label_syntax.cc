// The regular expressions of Kubernetes' validation, as loops.
#include "shim/select/label_syntax.h"

#include <algorithm>
#include <charconv>

namespace kubase::select {
namespace {

constexpr size_t kNameBytesMax = 63;     // also of a label's value
constexpr size_t kPrefixBytesMax = 253;  // a DNS subdomain

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool IsAlphanumeric(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z');
}
bool IsNameByte(char c) {
  return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
}
bool IsDnsByte(char c) {
  return IsLowerOrDigit(c) || c == '-';
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool IsName(std::string_view text) {
  return !text.empty() && IsAlphanumeric(text.front()) && IsAlphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), IsNameByte);
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool IsDnsLabel(std::string_view text) {
  return !text.empty() && IsLowerOrDigit(text.front()) && IsLowerOrDigit(text.back()) &&
         std::all_of(text.begin(), text.end(), IsDnsByte);
}

bool IsDnsSubdomain(std::string_view text) {
  if (text.size() > kPrefixBytesMax) return false;
  for (size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
    if (!IsDnsLabel(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return IsDnsLabel(text);
}

}  // namespace

std::string_view LabelKeyFault(std::string_view key) {
  std::string_view name = key;
  if (const size_t slash = key.find('/'); slash != std::string_view::npos) {
    if (!IsDnsSubdomain(key.substr(0, slash))) {
      return "has before its '/' what is not a DNS subdomain of at most 253 lower case letters, "
             "digits, '-' and '.'";
    }
    name = key.substr(slash + 1);
  }
  if (name.size() > kNameBytesMax) return "has a name of more than 63 bytes";
  if (!IsName(name)) {
    return "has a name that is not made of letters, digits, '-', '_' and '.', with a letter or "
           "digit at both ends";
  }
  return {};
}

std::string_view LabelValueFault(std::string_view value) {
  if (value.size() > kNameBytesMax) return "has more than 63 bytes";
  if (!value.empty() && !IsName(value)) {
    return "is neither empty nor made of letters, digits, '-', '_' and '.', with a letter or digit "
           "at both ends";
  }
  return {};
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;  // from_chars takes this sign itself
  }
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

}  // namespace kubase::select
