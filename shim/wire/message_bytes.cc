// gRPC's own way between the two.
#include "shim/wire/message_bytes.h"

#include <grpcpp/impl/codegen/proto_utils.h>

namespace kubase::wire {
namespace {

using Traits = grpc::SerializationTraits<google::protobuf::MessageLite>;

}  // namespace

bool Parse(const grpc::ByteBuffer* bytes, google::protobuf::MessageLite* message) {
  // The handler is the only reader of what gRPC hands out as const.
  return Traits::Deserialize(const_cast<grpc::ByteBuffer*>(bytes), message).ok();
}

Error MessageTooLarge() {
  return {ErrorCode::kAnswerTooLarge, "an answer has more bytes than a message can have"};
}

Result<void> Serialize(const google::protobuf::MessageLite& message, grpc::ByteBuffer* bytes) {
  bool owned = false;  // always true after it, as for every message
  bytes->Clear();
  if (Traits::Serialize(message, bytes, &owned).ok()) return Ok();
  return MessageTooLarge();
}

}  // namespace kubase::wire
