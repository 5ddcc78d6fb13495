// Between the bytes that gRPC carries and protobuf messages.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include "shim/base/result.h"

namespace kubase::wire {

// False: the bytes are no such message, and what `message` holds has no meaning. Frees the bytes:
// gRPC would keep a request until the end of its call, beside what was made of it.
[[nodiscard]] bool Parse(const grpc::ByteBuffer* bytes, google::protobuf::MessageLite* message);

// Over 2 GB no client can read a message, and gRPC ends the process when it cannot serialize one.
Error MessageTooLarge();

// Replaces what `bytes` hold. Errors: MessageTooLarge.
Result<void> Serialize(const google::protobuf::MessageLite& message, grpc::ByteBuffer* bytes);

}  // namespace kubase::wire
