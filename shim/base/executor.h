// Executor: a fixed number of threads behind one bounded queue.
//
// Work that is accepted is always run, also during shutdown, so that every caller gets an answer;
// work that is refused is the caller's to answer (ErrorCode::kOverloaded).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kubase {

class Executor {
 public:
  struct Options {
    std::string name;         // of the threads, for debuggers; at most 15 characters
    int threads = 1;          // > 0
    size_t queue_max = 4096;  // > 0
  };

  explicit Executor(const Options& options);
  ~Executor();  // runs what was accepted, then joins
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // True: `work` will run on one of the threads. False: the queue is full or the executor is
  // stopping, and nothing was kept. Any thread; never blocks.
  [[nodiscard]] bool Post(std::function<void()> work);

  // Refuses new work, runs what was accepted and joins. Idempotent; not from a thread of its own.
  void Stop();

 private:
  void RunThread(const std::string& name);

  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable work_or_stop_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

// Names the calling thread for debuggers and profilers; longer names are cut to 15 characters.
void NameThread(const std::string& name);

}  // namespace kubase
