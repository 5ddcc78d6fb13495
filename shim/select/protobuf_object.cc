// Reads what is selected by from an object in the protobuf that kube-apiserver stores.
#include <algorithm>
#include <span>

#include "shim/select/encoding.h"
#include "shim/select/object_content.h"
#include "shim/select/wire_message.h"

namespace kubase::select {
namespace {

// runtime.Unknown, the envelope (k8s.io/apimachinery pkg/runtime/generated.proto). The types of all
// kinds that are stored have their metadata at 1, and ObjectMeta has the labels at 11: entries with
// the key at 1 and the value at 2.
constexpr uint32_t kTypeMeta = 1;
constexpr uint32_t kApiVersion = 1;  // of the TypeMeta
constexpr uint32_t kRaw = 2;
constexpr uint32_t kContentEncoding = 3;
constexpr uint32_t kContentType = 4;
constexpr uint32_t kMetadata = 1;
constexpr uint32_t kLabels = 11;
constexpr uint32_t kLabelKey = 1;
constexpr uint32_t kLabelValue = 2;

std::optional<NamedValues> LabelsIn(std::string_view object, std::span<const uint32_t> path) {
  const std::optional<std::string_view> metadata = MessageAt(object, path);
  if (!metadata) return std::nullopt;
  NamedValues labels;
  WireReader reader(*metadata);
  while (const std::optional<WireField> field = reader.Next()) {
    if (field->number != kLabels) continue;
    if (field->type != WireField::Type::kBytes) return std::nullopt;
    const auto entry = FieldsOf(field->bytes);
    if (!entry) return std::nullopt;
    const auto key = BytesOf(MemberOf(*entry, kLabelKey));
    const auto value = BytesOf(MemberOf(*entry, kLabelValue));
    if (!key || !value) return std::nullopt;
    labels.emplace_back(*key, *value);
  }
  if (!reader.complete()) return std::nullopt;
  return SortedByName(std::move(labels));
}

std::optional<NamedValues> LabelsOf(const FieldTable& table, std::string_view object) {
  std::optional<NamedValues> labels = LabelsIn(object, {{kMetadata}});
  const std::vector<uint32_t>& if_none = table.decoded_labels().if_none.protobuf;
  if (!labels || !labels->empty() || if_none.empty()) return labels;
  return LabelsIn(object, if_none);
}

// What a field has when absent tells its type.
std::optional<std::string> TextOf(const SelectableField& field, const WireMember& member) {
  const bool is_flag = field.absent == "false";
  if (!is_flag && field.absent != "0") {
    const std::optional<std::string_view> text = BytesOf(member);
    if (!text) return std::nullopt;
    return std::string(*text);
  }
  if (member.undecided()) return std::nullopt;
  if (!member.present()) return std::string();
  if (member.field.type != WireField::Type::kVarint) return std::nullopt;
  if (is_flag) return member.field.varint == 0 ? "false" : "true";
  return std::to_string(static_cast<int64_t>(member.field.varint));
}

// Looks up the fields of one object. Those that follow one another in a table are in the same
// message mostly, which is read once for all of them.
class FieldFinder {
 public:
  explicit FieldFinder(std::string_view object) : object_(object) {}

  std::optional<std::string> ValueAt(const SelectableField& field, const FieldPlace& place) {
    if (place.protobuf.empty()) return std::nullopt;
    const std::span<const uint32_t> path(place.protobuf);
    if (!Read(path.first(path.size() - 1))) return std::nullopt;
    return TextOf(field, MemberOf(*fields_, path.back()));
  }

 private:
  // False: there is no such message to be read.
  bool Read(std::span<const uint32_t> path) {
    if (fields_ && std::equal(path.begin(), path.end(), path_.begin(), path_.end())) return true;
    const std::optional<std::string_view> message = MessageAt(object_, path);
    if (!message) return false;
    path_ = path;
    fields_ = FieldsOf(*message);
    return fields_.has_value();
  }

  const std::string_view object_;
  std::span<const uint32_t> path_;                // in the table
  std::optional<std::vector<WireField>> fields_;  // of the message at path_
};

// False also when it is not certain what the envelope says.
bool IsOfReadVersion(const FieldTable& table, std::string_view envelope) {
  envelope.remove_prefix(kProtobufPrefix.size());
  const std::optional<std::string_view> type = MessageAt(envelope, {{kTypeMeta}});
  if (!type) return false;
  const auto fields = FieldsOf(*type);
  if (!fields) return false;
  const auto api_version = BytesOf(MemberOf(*fields, kApiVersion));
  return api_version && table.Reads(*api_version);
}

}  // namespace

std::optional<std::string_view> ProtobufContent(std::string_view envelope) {
  envelope.remove_prefix(kProtobufPrefix.size());
  const auto fields = FieldsOf(envelope);
  if (!fields) return std::nullopt;
  const auto raw = BytesOf(MemberOf(*fields, kRaw));
  const auto encoding = BytesOf(MemberOf(*fields, kContentEncoding));
  const auto type = BytesOf(MemberOf(*fields, kContentType));
  if (!raw || !encoding || !type || !encoding->empty()) return std::nullopt;
  if (!type->empty() && *type != "application/vnd.kubernetes.protobuf") return std::nullopt;
  return raw;
}

std::optional<ObjectContent> ReadProtobuf(const FieldTable& table, std::string_view envelope) {
  const std::optional<std::string_view> object = ProtobufContent(envelope);
  if (!object || !IsOfReadVersion(table, envelope)) return std::nullopt;
  std::optional<NamedValues> labels = LabelsOf(table, *object);
  if (!labels) return std::nullopt;
  FieldFinder finder(*object);
  std::optional<NamedValues> fields =
      ValuesOf(table, [&finder](const SelectableField& field, const FieldPlace& place) {
        return finder.ValueAt(field, place);
      });
  if (!fields) return std::nullopt;
  return ObjectContent{std::move(*labels), std::move(*fields)};
}

}  // namespace kubase::select
