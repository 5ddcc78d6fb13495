// An arena that starts inside itself: small messages cost no allocation of their own.
#pragma once

#include <google/protobuf/arena.h>

namespace kubase::wire {

// Not thread safe; what it made must not outlive it.
class CallArena {
 public:
  CallArena() : arena_(Options(first_block_)) {}
  CallArena(const CallArena&) = delete;
  CallArena& operator=(const CallArena&) = delete;

  template <typename Message>
  Message* Make() {
    return google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

 private:
  static constexpr size_t kFirstBlockBytes = 1024;         // a get with its answer
  static constexpr size_t kLargestBlockBytes = 64 * 1024;  // many events or operations

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

}  // namespace kubase::wire
