// One counter for all calls, so that entering costs one atomic addition.
#include "shim/wire/gate.h"

namespace kubase::wire {

bool Gate::Enter() {
  if (calls_.fetch_add(1, std::memory_order_acq_rel) < kClosed) return true;
  Leave();
  return false;
}

void Gate::Leave() {
  if (calls_.fetch_sub(1, std::memory_order_acq_rel) - 1 != kClosed) return;
  std::lock_guard lock(mutex_);  // a waiter is either before its check or inside wait
  idle_.notify_all();
}

bool Gate::EnterStream(OpenStream* stream) {
  if (!Enter()) return false;
  std::unique_lock lock(mutex_);
  if (calls_.load(std::memory_order_acquire) >= kClosed) {  // Close may have passed already
    lock.unlock();
    Leave();
    return false;
  }
  streams_.insert(stream);
  return true;
}

void Gate::LeaveStream(OpenStream* stream) {
  {
    std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }
  Leave();
}

void Gate::Close(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (calls_.load(std::memory_order_acquire) >= kClosed) return;
  calls_.fetch_add(kClosed, std::memory_order_acq_rel);
  for (OpenStream* stream : streams_) stream->End(status);
}

bool Gate::WaitUntilIdle(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(
      lock, longest, [this] { return (calls_.load(std::memory_order_acquire) & ~kClosed) == 0; });
}

}  // namespace kubase::wire
