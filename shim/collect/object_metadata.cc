// Reads the metadata of both encodings. What decides nothing about garbage is not read, and so not
// held against its type either.
#include "shim/collect/object_metadata.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "shim/collect/metadata_numbers.h"
#include "shim/collect/timestamp.h"
#include "shim/select/encoding.h"
#include "shim/select/json_tree.h"
#include "shim/select/object_reader.h"
#include "shim/select/wire_message.h"

namespace kubase::collect {
namespace {

using select::JsonMember;
using select::WireField;
using select::WireMember;

// --- JSON ----------------------------------------------------------------------------------------
// Sets what is there; nothing there leaves it as it is. False: it is of another type, or twice.
template <typename Value>
bool ReadInto(simdjson::dom::element parent, std::string_view name, Value& value) {
  const JsonMember member = select::MemberOf(parent, name);
  if (!member.present()) return !member.undecided();
  return member.value.get(value) == simdjson::SUCCESS;
}

bool ReadInto(simdjson::dom::element parent, std::string_view name, std::string& value) {
  std::string_view text;
  if (!ReadInto(parent, name, text)) return false;
  value = text;
  return true;
}

template <typename Value>
bool ReadInto(simdjson::dom::element parent, std::string_view name, std::optional<Value>& value) {
  const JsonMember member = select::MemberOf(parent, name);
  if (!member.present()) return !member.undecided();
  return member.value.get(value.emplace()) == simdjson::SUCCESS;
}

bool ReadOwners(simdjson::dom::element metadata, std::vector<OwnerReference>& owners) {
  simdjson::dom::array list;
  const JsonMember member = select::MemberOf(metadata, "ownerReferences");
  if (!member.present()) return !member.undecided();
  if (member.value.get(list) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element element : list) {
    OwnerReference& owner = owners.emplace_back();
    if (!ReadInto(element, "apiVersion", owner.api_version) ||
        !ReadInto(element, "kind", owner.kind) || !ReadInto(element, "name", owner.name) ||
        !ReadInto(element, "uid", owner.uid) ||
        !ReadInto(element, "blockOwnerDeletion", owner.block_owner_deletion)) {
      return false;
    }
  }
  return true;
}

bool ReadFinalizers(simdjson::dom::element metadata, std::vector<std::string>& finalizers) {
  simdjson::dom::array list;
  const JsonMember member = select::MemberOf(metadata, "finalizers");
  if (!member.present()) return !member.undecided();
  if (member.value.get(list) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element element : list) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return false;
    finalizers.emplace_back(text);
  }
  return true;
}

// All labels are held against their type, since decoders drop them all when one is of another.
bool ReadSkipLabel(simdjson::dom::element metadata, bool& skips_caching) {
  simdjson::dom::object labels;
  const JsonMember member = select::MemberOf(metadata, "labels");
  if (!member.present()) return !member.undecided();
  if (member.value.get(labels) != simdjson::SUCCESS) return false;
  for (auto label = labels.begin(); label != labels.end(); ++label) {
    if (!label.value().is_string()) return false;
    skips_caching |= label.key_equals(kSkipLabel);
  }
  return true;
}

bool ReadDeletion(simdjson::dom::element metadata, ObjectMetadata& into) {
  std::optional<std::string_view> text;
  if (!ReadInto(metadata, "deletionTimestamp", text)) return false;
  if (text) into.deletion_time = ParseTimestamp(*text);
  return text.has_value() == into.IsBeingDeleted() &&
         ReadInto(metadata, "deletionGracePeriodSeconds", into.deletion_grace_seconds);
}

std::optional<ObjectMetadata> FromJson(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  const JsonMember member = select::MemberOf(root, "metadata");
  if (member.undecided()) return std::nullopt;
  ObjectMetadata metadata;
  if (!member.present()) return metadata;
  if (!ReadInto(member.value, "uid", metadata.uid) ||
      !ReadInto(member.value, "generation", metadata.generation) ||
      !ReadDeletion(member.value, metadata) ||
      !ReadSkipLabel(member.value, metadata.skips_caching) ||
      !ReadOwners(member.value, metadata.owners) ||
      !ReadFinalizers(member.value, metadata.finalizers)) {
    return std::nullopt;
  }
  return metadata;
}

// --- Protobuf ------------------------------------------------------------------------------------
// As ReadInto of JSON.
bool ReadInto(const WireMember& member, std::string& value) {
  const std::optional<std::string_view> bytes = select::BytesOf(member);
  if (!bytes) return false;
  value = *bytes;
  return true;
}

template <typename Number>
bool ReadInto(const WireMember& member, Number& value) {
  if (!member.present()) return !member.undecided();
  value = static_cast<Number>(member.field.varint);
  return member.field.type == WireField::Type::kVarint;
}

bool ReadDeletionTime(const WireMember& member, std::optional<int64_t>& time) {
  if (!member.present()) return !member.undecided();
  const auto bytes = select::BytesOf(member);
  // Nothing in it is Go's time for "none", but there.
  if (!bytes || bytes->empty()) return false;
  const auto fields = select::FieldsOf(*bytes);
  int64_t seconds = 0;
  if (!fields || !ReadInto(select::MemberOf(*fields, kTimeSeconds), seconds)) return false;
  if (!IsTimestamp(seconds)) return false;
  time = seconds;
  return true;
}

bool ReadOwner(std::string_view reference, OwnerReference& owner) {
  const auto fields = select::FieldsOf(reference);
  if (!fields) return false;
  return ReadInto(select::MemberOf(*fields, kOwnerApiVersion), owner.api_version) &&
         ReadInto(select::MemberOf(*fields, kOwnerKind), owner.kind) &&
         ReadInto(select::MemberOf(*fields, kOwnerName), owner.name) &&
         ReadInto(select::MemberOf(*fields, kOwnerUid), owner.uid) &&
         ReadInto(select::MemberOf(*fields, kOwnerBlocks), owner.block_owner_deletion);
}

// The key of an entry of labels or annotations. Null: as BytesOf.
std::optional<std::string_view> KeyOf(std::string_view entry) {
  const auto fields = select::FieldsOf(entry);
  if (!fields || !select::BytesOf(select::MemberOf(*fields, kEntryValue))) return std::nullopt;
  return select::BytesOf(select::MemberOf(*fields, kEntryKey));
}

// The fields that there can be more than one of. Annotations decide nothing, but from a malformed
// entry Go reads on in the field behind it, which may be one that changes.
bool ReadRepeated(const WireField& field, ObjectMetadata& into) {
  switch (field.number) {
    case kLabels:
    case kAnnotations:
    case kOwners:
    case kFinalizers:
      break;
    default:
      return true;
  }
  if (field.type != WireField::Type::kBytes) return false;
  if (field.number == kOwners) return ReadOwner(field.bytes, into.owners.emplace_back());
  if (field.number == kFinalizers) {
    into.finalizers.emplace_back(field.bytes);
    return true;
  }
  const std::optional<std::string_view> key = KeyOf(field.bytes);
  into.skips_caching |= field.number == kLabels && key == kSkipLabel;
  return key.has_value();
}

std::optional<ObjectMetadata> FromProtobuf(std::string_view envelope) {
  const std::optional<std::string_view> object = select::ProtobufContent(envelope);
  if (!object) return std::nullopt;
  const std::optional<std::string_view> message = select::MessageAt(*object, {{kMetadata}});
  if (!message) return std::nullopt;
  const auto fields = select::FieldsOf(*message);
  if (!fields) return std::nullopt;
  ObjectMetadata metadata;
  if (!ReadInto(select::MemberOf(*fields, kUid), metadata.uid) ||
      !ReadInto(select::MemberOf(*fields, kGeneration), metadata.generation) ||
      !ReadDeletionTime(select::MemberOf(*fields, kDeletionTime), metadata.deletion_time) ||
      !ReadInto(select::MemberOf(*fields, kDeletionGraceSeconds),
                metadata.deletion_grace_seconds)) {
    return std::nullopt;
  }
  for (const WireField& field : *fields) {
    if (!ReadRepeated(field, metadata)) return std::nullopt;
  }
  return metadata;
}

}  // namespace

bool ObjectMetadata::HasFinalizer(std::string_view finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

std::optional<ObjectMetadata> ReadMetadata(std::string_view value) {
  switch (select::EncodingOf(value)) {
    case select::Encoding::kJson:
      return FromJson(value);
    case select::Encoding::kProtobuf:
      return FromProtobuf(value);
    case select::Encoding::kUnreadable:
    case select::Encoding::kForeign:
      break;
  }
  return std::nullopt;
}

}  // namespace kubase::collect
