// Puts the messages of a call on one arena that starts inside the holder: a get costs one
// allocation for all of its messages, a list of 500 pairs a handful.
#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

namespace kubase::wire {

// For ...::SetMessageAllocatorFor_METHOD. Stateless; must outlive the server.
template <typename Request, typename Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override { return new Holder; }

 private:
  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder() : arena_(Options(first_block_)) {
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override { delete this; }

   private:
    static constexpr size_t kFirstBlockBytes = 1024;         // a get with its answer
    static constexpr size_t kLargestBlockBytes = 64 * 1024;  // a list

    static google::protobuf::ArenaOptions Options(char* first_block) {
      google::protobuf::ArenaOptions options;
      options.initial_block = first_block;
      options.initial_block_size = kFirstBlockBytes;
      options.max_block_size = kLargestBlockBytes;
      return options;
    }

    alignas(16) char first_block_[kFirstBlockBytes];
    google::protobuf::Arena arena_;  // after its first block: destroyed before it
  };
};

}  // namespace kubase::wire
