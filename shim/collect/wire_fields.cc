// What is not of interest is skipped by protobuf's own reader, which knows where it ends.
#include "shim/collect/wire_fields.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>

namespace kubase::collect {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

std::string Varint(uint64_t value) {
  std::array<uint8_t, 10> buffer{};
  uint8_t* const end = CodedOutputStream::WriteVarint64ToArray(value, buffer.data());
  return std::string(buffer.data(), end);
}

std::string Tag(uint32_t number, WireFormatLite::WireType type) {
  return Varint(WireFormatLite::MakeTag(static_cast<int>(number), type));
}

}  // namespace

RawField VarintField(uint32_t number, uint64_t value) {
  return {number, Tag(number, WireFormatLite::WIRETYPE_VARINT) + Varint(value)};
}

RawField BytesField(uint32_t number, std::string_view content) {
  std::string bytes = Tag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  bytes += Varint(content.size());
  bytes += content;
  return {number, std::move(bytes)};
}

std::optional<std::vector<RawField>> SplitMessage(std::string_view message) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()),
                         static_cast<int>(message.size()));
  std::vector<RawField> fields;
  size_t begin = 0;
  while (const uint32_t tag = input.ReadTag()) {
    if (!WireFormatLite::SkipField(&input, tag)) return std::nullopt;
    const auto end = static_cast<size_t>(input.CurrentPosition());
    fields.push_back({static_cast<uint32_t>(WireFormatLite::GetTagFieldNumber(tag)),
                      std::string(message.substr(begin, end - begin))});
    begin = end;
  }
  if (!input.ConsumedEntireMessage()) return std::nullopt;
  return fields;
}

std::string JoinMessage(const std::vector<RawField>& fields) {
  std::string message;
  for (const RawField& field : fields) message += field.bytes;
  return message;
}

void SetField(std::vector<RawField>& fields, RawField field) {
  const uint32_t number = field.number;
  SetFields(fields, number, {std::move(field)});
}

void SetFields(std::vector<RawField>& fields, uint32_t number, const std::vector<RawField>& with) {
  const auto is_same = [number](const RawField& field) { return field.number == number; };
  const auto is_behind = [number](const RawField& field) { return field.number > number; };
  auto place = std::find_if(fields.begin(), fields.end(), is_same);
  if (place == fields.end()) place = std::find_if(fields.begin(), fields.end(), is_behind);
  const auto index = place - fields.begin();  // nothing before it goes
  std::erase_if(fields, is_same);
  fields.insert(fields.begin() + index, with.begin(), with.end());
}

}  // namespace kubase::collect
