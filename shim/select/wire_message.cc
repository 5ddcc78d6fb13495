// Messages of unknown type, read by protobuf's own reader of the wire format.
#include "shim/select/wire_message.h"

#include <google/protobuf/wire_format_lite.h>

namespace kubase::select {
namespace {

using google::protobuf::internal::WireFormatLite;

WireMember MemberOf(std::string_view message, uint32_t number) {
  using State = WireMember::State;
  WireMember found;
  WireReader reader(message);
  while (const std::optional<WireField> field = reader.Next()) {
    if (field->number != number) continue;
    if (found.present()) return {State::kUndecided, {}};
    found = {State::kPresent, *field};
  }
  if (!reader.complete()) return {State::kUndecided, {}};
  return found;
}

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

WireMember MemberAt(std::string_view root, const std::vector<uint32_t>& path) {
  WireMember member;
  std::string_view message = root;
  for (size_t depth = 0; depth < path.size(); ++depth) {
    if (depth > 0) {
      if (member.field.type != WireField::Type::kBytes) return {WireMember::State::kUndecided, {}};
      message = member.field.bytes;
    }
    member = MemberOf(message, path[depth]);
    if (!member.present()) break;
  }
  return member;
}

}  // namespace kubase::select
