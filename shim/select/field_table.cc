// The fields of one kind, by name.
#include "shim/select/field_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kubase::select {
namespace {

// Decoding an object of these gives it the labels of its template when it has none, as later
// versions of its kind do not (SetDefaults_* in kubernetes pkg/apis/*/v1beta1/defaults.go).
constexpr std::array<std::string_view, 2> kRelabelling = {"apps/v1beta1", "extensions/v1beta1"};

std::string Described(const FieldPlace& place) {
  return fmt::format("{}/{}", fmt::join(place.json, "."), fmt::join(place.protobuf, "."));
}

std::string Described(const SelectableField& field) {
  std::string text = field.name + "=";
  for (const FieldPlace& place : field.places) text += Described(place) + "|";
  text += field.absent;
  if (field.common) text += "!" + *field.common;
  return text;
}

}  // namespace

FieldTable::FieldTable(std::vector<SelectableField> fields, DecodedLabels decoded_labels,
                       std::vector<std::string> api_versions)
    : fields_(std::move(fields)),
      decoded_labels_(std::move(decoded_labels)),
      api_versions_(std::move(api_versions)) {
  std::sort(fields_.begin(), fields_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  description_ = fmt::format("{} {} {}", fmt::join(api_versions_, ","), decoded_labels_.with_name,
                             Described(decoded_labels_.if_none));
  for (const SelectableField& field : fields_) description_ += " " + Described(field);
}

bool FieldTable::Reads(std::string_view api_version) const {
  if (api_version.empty()) return true;
  const auto is_it = [api_version](std::string_view known) { return known == api_version; };
  if (!api_versions_.empty()) {
    return std::any_of(api_versions_.begin(), api_versions_.end(), is_it);
  }
  return std::none_of(kRelabelling.begin(), kRelabelling.end(), is_it);
}

const SelectableField* FieldTable::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      fields_.begin(), fields_.end(), name,
      [](const SelectableField& field, std::string_view wanted) { return field.name < wanted; });
  return found != fields_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace kubase::select
