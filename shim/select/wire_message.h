// Access to protobuf messages without their descriptions: by the numbers of their fields.
#pragma once

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <optional>
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
    kUndecided,  // it comes twice, or the message is malformed
  };
  State state = State::kAbsent;
  WireField field;  // of kPresent

  bool present() const { return state == State::kPresent; }
  bool undecided() const { return state == State::kUndecided; }
};

// Along numbers from the root down, one at least. Messages are embedded as bytes; of anything else
// on the way the result is kUndecided.
WireMember MemberAt(std::string_view root, const std::vector<uint32_t>& path);

}  // namespace kubase::select
