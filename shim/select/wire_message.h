// Access to protobuf messages without their descriptions: by the numbers of their fields.
#pragma once

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kubase::select {

struct WireField {
  enum class Type { kVarint, kBytes, kOther };
  uint32_t number = 0;
  Type type = Type::kOther;
  uint64_t varint = 0;     // of kVarint
  std::string_view bytes;  // of kBytes; part of the message
};

// Reads the fields of a message in their order. The message must outlive the reader.
class WireReader {
 public:
  explicit WireReader(std::string_view message);

  // Null: there are no more, or the message is malformed.
  std::optional<WireField> Next();
  // After Next gave null: whether it was the end.
  bool complete() { return complete_; }

 private:
  std::optional<WireField> Read(uint32_t tag);

  std::string_view message_;
  google::protobuf::io::CodedInputStream input_;
  bool complete_ = false;
};

// One field of a message.
struct WireMember {
  enum class State {
    kAbsent,
    kPresent,
    kUndecided,  // it comes twice
  };
  State state = State::kAbsent;
  WireField field;  // of kPresent

  bool present() const { return state == State::kPresent; }
  bool undecided() const { return state == State::kUndecided; }
};

// All fields of a message, in their order. Null: it is malformed.
std::optional<std::vector<WireField>> FieldsOf(std::string_view message);

// The one of that number.
WireMember MemberOf(const std::vector<WireField>& fields, uint32_t number);

// The string or embedded message in it, "" when it is absent. Null: it is neither, or undecided.
std::optional<std::string_view> BytesOf(const WireMember& member);

// The message at the end of a path of numbers from the root down, "" when there is none. Null: one
// on the way comes twice or is no message, or something is malformed.
std::optional<std::string_view> MessageAt(std::string_view root, std::span<const uint32_t> path);

}  // namespace kubase::select
