// Reads what is selected by from an object in the protobuf that kube-apiserver stores.
#include "shim/select/encoding.h"
#include "shim/select/object_content.h"
#include "shim/select/wire_message.h"

namespace kubase::select {
namespace {

// runtime.Unknown, the envelope (k8s.io/apimachinery pkg/runtime/generated.proto). The types of all
// kinds that are stored have their metadata at 1, and ObjectMeta has the labels at 11: entries with
// the key at 1 and the value at 2.
constexpr uint32_t kRaw = 2;
constexpr uint32_t kContentEncoding = 3;
constexpr uint32_t kContentType = 4;
constexpr uint32_t kMetadata = 1;
constexpr uint32_t kLabels = 11;
constexpr uint32_t kLabelKey = 1;
constexpr uint32_t kLabelValue = 2;

// What a string has, "" when it is absent. Null: it cannot be told.
std::optional<std::string_view> TextOf(const WireMember& member) {
  if (member.undecided()) return std::nullopt;
  if (!member.present()) return std::string_view();
  if (member.field.type != WireField::Type::kBytes) return std::nullopt;
  return member.field.bytes;
}

std::optional<NamedValues> LabelsOf(std::string_view object) {
  const std::optional<std::string_view> metadata = TextOf(MemberAt(object, {kMetadata}));
  if (!metadata) return std::nullopt;
  NamedValues labels;
  WireReader reader(*metadata);
  while (const std::optional<WireField> field = reader.Next()) {
    if (field->number != kLabels) continue;
    if (field->type != WireField::Type::kBytes) return std::nullopt;
    const auto key = TextOf(MemberAt(field->bytes, {kLabelKey}));
    const auto value = TextOf(MemberAt(field->bytes, {kLabelValue}));
    if (!key || !value) return std::nullopt;
    labels.emplace_back(*key, *value);
  }
  if (!reader.complete()) return std::nullopt;
  return SortedByName(std::move(labels));
}

// What a field has when absent tells its type.
std::optional<std::string> ValueAt(std::string_view object, const SelectableField& field,
                                   const FieldPlace& place) {
  if (place.protobuf.empty()) return std::nullopt;
  const WireMember member = MemberAt(object, place.protobuf);
  const bool is_flag = field.absent == "false";
  if (!is_flag && field.absent != "0") {
    const std::optional<std::string_view> text = TextOf(member);
    if (!text) return std::nullopt;
    return std::string(*text);
  }
  if (member.undecided()) return std::nullopt;
  if (!member.present()) return std::string();
  if (member.field.type != WireField::Type::kVarint) return std::nullopt;
  if (is_flag) return member.field.varint == 0 ? "false" : "true";
  return std::to_string(static_cast<int64_t>(member.field.varint));
}

}  // namespace

std::optional<std::string_view> ProtobufContent(std::string_view envelope) {
  envelope.remove_prefix(kProtobufPrefix.size());
  const auto raw = TextOf(MemberAt(envelope, {kRaw}));
  const auto encoding = TextOf(MemberAt(envelope, {kContentEncoding}));
  const auto type = TextOf(MemberAt(envelope, {kContentType}));
  if (!raw || !encoding || !type || !encoding->empty()) return std::nullopt;
  if (!type->empty() && *type != "application/vnd.kubernetes.protobuf") return std::nullopt;
  return raw;
}

std::optional<ObjectContent> ReadProtobuf(const FieldTable& table, std::string_view envelope) {
  const std::optional<std::string_view> object = ProtobufContent(envelope);
  if (!object) return std::nullopt;
  std::optional<NamedValues> labels = LabelsOf(*object);
  if (!labels) return std::nullopt;
  std::optional<NamedValues> fields =
      ValuesOf(table, [object](const SelectableField& field, const FieldPlace& place) {
        return ValueAt(*object, field, place);
      });
  if (!fields) return std::nullopt;
  return ObjectContent{std::move(*labels), std::move(*fields)};
}

}  // namespace kubase::select
