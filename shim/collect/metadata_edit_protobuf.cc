// Changes the fields that change, and the sizes of the messages they are in.
#include <utility>

#include "shim/collect/metadata_edit_encodings.h"
#include "shim/collect/metadata_numbers.h"
#include "shim/collect/timestamp.h"
#include "shim/collect/wire_fields.h"
#include "shim/select/encoding.h"
#include "shim/select/wire_message.h"

namespace kubase::collect {
namespace {

using Fields = std::vector<RawField>;

// Null: as WithMessage.
std::optional<std::string> WithField(std::string_view message, RawField field) {
  std::optional<Fields> fields = SplitMessage(message);
  if (!fields) return std::nullopt;
  SetField(*fields, std::move(field));
  return JoinMessage(*fields);
}

// The envelope with another message at that number of its object. Null: something is malformed.
std::optional<std::string> WithMessage(std::string_view envelope, uint32_t number,
                                       std::string_view message) {
  const std::optional<std::string_view> object = select::ProtobufContent(envelope);
  if (!object) return std::nullopt;
  const auto content = WithField(*object, BytesField(number, message));
  if (!content) return std::nullopt;
  envelope.remove_prefix(select::kProtobufPrefix.size());
  const auto unknown = WithField(envelope, BytesField(kRaw, *content));
  if (!unknown) return std::nullopt;
  return std::string(select::kProtobufPrefix) + *unknown;
}

// The message at that number of the object, empty if there is none. Null: as MessageAt.
std::optional<std::string_view> MessageIn(std::string_view envelope, uint32_t number) {
  const std::optional<std::string_view> object = select::ProtobufContent(envelope);
  if (!object) return std::nullopt;
  return select::MessageAt(*object, {{number}});
}

// `owners` are those of the metadata, in their order. False: a reference is malformed.
bool EditOwners(std::string_view metadata, Fields& fields,
                const std::vector<OwnerReference>& owners, const MetadataEdit& edit) {
  Fields kept;
  size_t at = 0;
  select::WireReader reader(metadata);
  while (const std::optional<select::WireField> field = reader.Next()) {
    if (field->number != kOwners) continue;
    const OwnerReference& owner = owners.at(at++);
    if (Removes(edit, owner)) continue;
    std::optional<std::string> reference(field->bytes);
    if (Unblocks(edit, owner)) reference = WithField(*reference, VarintField(kOwnerBlocks, 0));
    if (!reference) return false;
    kept.push_back(BytesField(kOwners, *reference));
  }
  SetFields(fields, kOwners, kept);
  return reader.complete();
}

void SetFinalizers(Fields& fields, const std::vector<std::string>& finalizers) {
  Fields with;
  for (const std::string& finalizer : finalizers) {
    with.push_back(BytesField(kFinalizers, finalizer));
  }
  SetFields(fields, kFinalizers, with);
}

// False: the time cannot be written.
bool SetDeletion(Fields& fields, const MetadataEdit::Deletion& deletion) {
  if (!IsTimestamp(deletion.time)) return false;
  const std::string time =
      JoinMessage({VarintField(kTimeSeconds, static_cast<uint64_t>(deletion.time)),
                   VarintField(kTimeNanos, 0)});
  SetField(fields, BytesField(kDeletionTime, time));
  SetField(fields,
           VarintField(kDeletionGraceSeconds, static_cast<uint64_t>(deletion.grace_seconds)));
  return true;
}

}  // namespace

std::optional<std::string> EditProtobuf(std::string_view envelope, const ObjectMetadata& metadata,
                                        const MetadataEdit& edit) {
  const std::optional<std::string_view> message = MessageIn(envelope, kMetadata);
  if (!message) return std::nullopt;
  std::optional<Fields> fields = SplitMessage(*message);
  if (!fields) return std::nullopt;
  if (ChangesOwners(edit) && !EditOwners(*message, *fields, metadata.owners, edit)) {
    return std::nullopt;
  }
  if (edit.finalizers) SetFinalizers(*fields, *edit.finalizers);
  if (edit.deletion && !SetDeletion(*fields, *edit.deletion)) return std::nullopt;
  if (edit.generation) {
    SetField(*fields, VarintField(kGeneration, static_cast<uint64_t>(*edit.generation)));
  }
  return WithMessage(envelope, kMetadata, JoinMessage(*fields));
}

std::optional<std::string> ProtobufWithPhase(std::string_view envelope, std::string_view phase) {
  const std::optional<std::string_view> status = MessageIn(envelope, kNamespaceStatus);
  if (!status) return std::nullopt;
  const auto fields = select::FieldsOf(*status);
  if (!fields || !select::BytesOf(select::MemberOf(*fields, kNamespacePhase))) return std::nullopt;
  const auto with_phase = WithField(*status, BytesField(kNamespacePhase, phase));
  if (!with_phase) return std::nullopt;
  return WithMessage(envelope, kNamespaceStatus, *with_phase);
}

}  // namespace kubase::collect
