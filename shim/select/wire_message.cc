// Messages of unknown type, read by protobuf's own reader of the wire format.
#include "shim/select/wire_message.h"

#include <google/protobuf/wire_format_lite.h>

namespace kubase::select {
namespace {

using google::protobuf::internal::WireFormatLite;

}  // namespace

WireReader::WireReader(std::string_view message)
    : message_(message),
      input_(reinterpret_cast<const uint8_t*>(message.data()), static_cast<int>(message.size())) {}

std::optional<WireField> WireReader::Next() {
  const uint32_t tag = input_.ReadTag();
  if (tag == 0) {
    complete_ = input_.ConsumedEntireMessage();
    return std::nullopt;
  }
  std::optional<WireField> field = Read(tag);
  if (field && field->number != 0) return field;
  return std::nullopt;
}

std::optional<WireField> WireReader::Read(uint32_t tag) {
  WireField field;
  field.number = static_cast<uint32_t>(WireFormatLite::GetTagFieldNumber(tag));
  switch (WireFormatLite::GetTagWireType(tag)) {
    case WireFormatLite::WIRETYPE_VARINT:
      field.type = WireField::Type::kVarint;
      if (!input_.ReadVarint64(&field.varint)) return std::nullopt;
      return field;
    case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
      field.type = WireField::Type::kBytes;
      int size = 0;
      if (!input_.ReadVarintSizeAsInt(&size)) return std::nullopt;
      const int at = input_.CurrentPosition();
      if (!input_.Skip(size)) return std::nullopt;
      field.bytes = message_.substr(static_cast<size_t>(at), static_cast<size_t>(size));
      return field;
    }
    default:
      if (!WireFormatLite::SkipField(&input_, tag)) return std::nullopt;
      return field;
  }
}

std::optional<std::vector<WireField>> FieldsOf(std::string_view message) {
  std::vector<WireField> fields;
  fields.reserve(32);  // enough for most, so that there is one allocation
  WireReader reader(message);
  while (const std::optional<WireField> field = reader.Next()) fields.push_back(*field);
  if (!reader.complete()) return std::nullopt;
  return fields;
}

WireMember MemberOf(const std::vector<WireField>& fields, uint32_t number) {
  WireMember found;
  for (const WireField& field : fields) {
    if (field.number != number) continue;
    if (found.present()) return {WireMember::State::kUndecided, {}};
    found = {WireMember::State::kPresent, field};
  }
  return found;
}

std::optional<std::string_view> BytesOf(const WireMember& member) {
  if (member.undecided()) return std::nullopt;
  if (!member.present()) return std::string_view();
  if (member.field.type != WireField::Type::kBytes) return std::nullopt;
  return member.field.bytes;
}

std::optional<std::string_view> MessageAt(std::string_view root, std::span<const uint32_t> path) {
  std::string_view message = root;
  for (const uint32_t number : path) {
    const auto fields = FieldsOf(message);
    if (!fields) return std::nullopt;
    const std::optional<std::string_view> next = BytesOf(MemberOf(*fields, number));
    if (!next) return std::nullopt;
    message = *next;
  }
  return message;
}

}  // namespace kubase::select
