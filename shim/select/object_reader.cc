// Chooses the reader by how the value begins.
#include "shim/select/object_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "shim/select/encoding.h"
#include "shim/select/object_content.h"

namespace kubase::select {
namespace {

constexpr std::string_view kJsonSpace = " \t\r\n";
constexpr std::string_view kEncryptedPrefix = "k8s:enc:";
constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";
constexpr std::string_view kCborPrefix = "\xd9\xd9\xf7";

std::optional<ObjectContent> ContentOf(const FieldTable& fields, std::string_view value) {
  switch (EncodingOf(value)) {
    case Encoding::kJson:
      return ReadJson(fields, value);
    case Encoding::kProtobuf:
      return ReadProtobuf(fields, value);
    case Encoding::kUnreadable:
    case Encoding::kForeign:
      break;
  }
  return std::nullopt;
}

void SetLabel(NamedValues& labels, std::string_view name, std::string_view value) {
  const auto place = std::lower_bound(
      labels.begin(), labels.end(), name,
      [](const auto& label, std::string_view wanted) { return label.first < wanted; });
  if (place != labels.end() && place->first == name) {
    place->second = value;
  } else {
    labels.emplace(place, name, value);
  }
}

}  // namespace

Encoding EncodingOf(std::string_view value) {
  if (value.starts_with(kProtobufPrefix)) return Encoding::kProtobuf;
  if (value.starts_with(kEncryptedPrefix) || value.starts_with(kCborPrefix)) {
    return Encoding::kUnreadable;
  }
  const size_t first = value.find_first_not_of(kJsonSpace);
  if (first != std::string_view::npos && value[first] == '{') return Encoding::kJson;
  return Encoding::kForeign;
}

bool IsObjectName(std::string_view name_in_kind) {
  const size_t slash = name_in_kind.find('/');
  return slash != 0 && slash == name_in_kind.rfind('/');
}

Attributes ReadAttributes(const FieldTable& fields, std::string_view name_in_kind,
                          std::string_view value) {
  Attributes attributes;
  attributes.named = IsObjectName(name_in_kind);
  const size_t slash = name_in_kind.find('/');
  if (slash != std::string_view::npos) {
    attributes.object_namespace = name_in_kind.substr(0, slash);
    name_in_kind.remove_prefix(slash + 1);
  }
  attributes.name = name_in_kind;
  std::optional<ObjectContent> content = ContentOf(fields, value);
  if (content) {
    if (fields.decoded_labels().with_name) SetLabel(content->labels, kNameLabel, attributes.name);
    attributes.readable = true;
    attributes.labels = std::move(content->labels);
    attributes.fields = std::move(content->fields);
  }
  return attributes;
}

}  // namespace kubase::select
