// fields.ParseSelector of k8s.io/apimachinery, with messages that say where and why.
#include "shim/select/field_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shim/select/quote.h"
#include "shim/select/utf8.h"

namespace kubase::select {
namespace {

constexpr std::string_view kSpecial = "\\,=";

Error Refused(std::string_view selector, std::string_view term, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("field selector {}: the term {} {}", Quote(selector), Quote(term), why)};
}

// Bytes up to the comma that ends the first term; a backslash takes the next byte with it.
size_t TermSize(std::string_view terms) {
  size_t at = 0;
  while (at < terms.size() && terms[at] != ',') at += terms[at] == '\\' ? 2 : 1;
  return std::min(at, terms.size());
}

// Empty: there is no operator at the beginning of `text`.
std::string_view OperatorAt(std::string_view text) {
  if (text.starts_with("!=") || text.starts_with("==")) return text.substr(0, 2);
  return text.substr(0, text.starts_with('=') ? 1 : 0);
}

// Null with the reason: what follows the backslash is not to be escaped, or an '=' is not escaped.
// Upstream reads the value by characters when there is anything special in it, which replaces what
// is not UTF-8.
Result<std::string> Unescape(std::string_view selector, std::string_view term,
                             std::string_view value) {
  if (value.find_first_of(kSpecial) == std::string_view::npos) return std::string(value);
  std::string plain;
  for (size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '=') {
      return Refused(selector, term, "has a second '=', which has to be written '\\='");
    }
    if (value[at] == '\\') {
      ++at;
      if (at == value.size() || kSpecial.find(value[at]) == std::string_view::npos) {
        return Refused(selector, term, "has a '\\' that is not followed by '\\', ',' or '='");
      }
    }
    plain += value[at];
  }
  return WithReplacementCharacters(plain);
}

Result<FieldRequirement> ParseTerm(std::string_view selector, std::string_view term) {
  size_t at = 0;
  while (at < term.size() && OperatorAt(term.substr(at)).empty()) ++at;
  if (at == term.size()) return Refused(selector, term, "has none of '=', '==' and '!='");
  const std::string_view op = OperatorAt(term.substr(at));
  KUBASE_ASSIGN_OR_RETURN(std::string value, Unescape(selector, term, term.substr(at + op.size())));
  return FieldRequirement{std::string(term.substr(0, at)), op != "!=", std::move(value)};
}

}  // namespace

Result<std::vector<FieldRequirement>> ParseFields(std::string_view selector) {
  std::vector<FieldRequirement> requirements;
  for (std::string_view rest = selector; !rest.empty();) {
    const std::string_view term = rest.substr(0, TermSize(rest));
    rest.remove_prefix(std::min(term.size() + 1, rest.size()));
    if (term.empty()) continue;
    KUBASE_ASSIGN_OR_RETURN(FieldRequirement requirement, ParseTerm(selector, term));
    // Upstream drops a term that names nothing and asks for nothing, whatever its operator.
    if (requirement.field.empty() && requirement.value.empty()) continue;
    requirements.push_back(std::move(requirement));
  }
  std::stable_sort(requirements.begin(), requirements.end(),
                   [](const auto& a, const auto& b) { return a.field < b.field; });
  return requirements;
}

std::string EscapeFieldValue(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (kSpecial.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace kubase::select
