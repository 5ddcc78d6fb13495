// The bounded worker pool.
#include "shim/base/executor.h"

#include <pthread.h>

#include <utility>

#include "shim/base/result.h"

namespace kubase {

void NameThread(const std::string& name) {
  constexpr size_t kNameMax = 15;  // pthread_setname_np(3)
  pthread_setname_np(pthread_self(), name.substr(0, kNameMax).c_str());
}

Executor::Executor(const Options& options) : queue_max_(options.queue_max) {
  KUBASE_CHECK(options.threads > 0 && options.queue_max > 0);
  threads_.reserve(options.threads);
  for (int i = 0; i < options.threads; ++i) {
    threads_.emplace_back([this, name = options.name] { RunThread(name); });
  }
}

Executor::~Executor() {
  Stop();
}

bool Executor::Post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(work));
  }
  work_or_stop_.notify_one();
  return true;
}

void Executor::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_or_stop_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::RunThread(const std::string& name) {
  NameThread(name);
  std::unique_lock lock(mutex_);
  while (true) {
    work_or_stop_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace kubase
