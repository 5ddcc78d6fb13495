// The fields of a protobuf message with their bytes, to be changed without touching a byte of the
// others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kubase::collect {

struct RawField {
  uint32_t number = 0;
  std::string bytes;  // with its number and size
};

RawField VarintField(uint32_t number, uint64_t value);
RawField BytesField(uint32_t number, std::string_view content);

// In their order. Null: the message is malformed.
std::optional<std::vector<RawField>> SplitMessage(std::string_view message);
std::string JoinMessage(const std::vector<RawField>& fields);

// Instead of all that have its number, in the place of the first; without any, where a message in
// the order of its numbers has it.
void SetField(std::vector<RawField>& fields, RawField field);
void SetFields(std::vector<RawField>& fields, uint32_t number, const std::vector<RawField>& with);

}  // namespace kubase::collect
