// There are at least as many connections as threads, and a point read is short, so taking a
// connection never waits long.
#include "shim/store/reader_pool.h"

#include <utility>

namespace kubase::store {

ReaderPool::ReaderPool(const Options& options)
    : idle_max_(options.idle_max),
      executor_({.name = "reader", .threads = options.threads, .queue_max = options.queue_max}) {}

Result<std::unique_ptr<ReaderPool>> ReaderPool::Open(sql::Database& database,
                                                     const Options& options) {
  auto pool = std::unique_ptr<ReaderPool>(new ReaderPool(options));
  for (int i = 0; i < options.threads + options.inline_connections; ++i) {
    KUBASE_ASSIGN_OR_RETURN(auto connection, database.Connect(sql::Access::kRead));
    pool->GiveBack(std::move(connection));
  }
  return pool;
}

bool ReaderPool::Post(std::function<void(sql::Connection&)> work) {
  return executor_.Post([this, work = std::move(work)] {
    std::unique_ptr<sql::Connection> connection = Take();
    work(*connection);
    GiveBack(std::move(connection));
  });
}

std::unique_ptr<sql::Connection> ReaderPool::TakeIfFree() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return nullptr;
  auto connection = std::move(free_.back());
  free_.pop_back();
  return connection;
}

std::unique_ptr<sql::Connection> ReaderPool::Take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [this] { return !free_.empty(); });
  auto connection = std::move(free_.back());
  free_.pop_back();
  return connection;
}

void ReaderPool::GiveBack(std::unique_ptr<sql::Connection> connection) {
  // The last one that was given back is the next to be used, so those below it are idle.
  std::unique_ptr<sql::Connection> idle;
  {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
    if (idle_max_ >= 0 && free_.size() > static_cast<size_t>(idle_max_)) {
      const auto least_recent = free_.end() - 1 - idle_max_;
      idle = std::move(*least_recent);
      free_.erase(least_recent);
    }
  }
  if (idle != nullptr) {
    idle->Disconnect();
    std::lock_guard lock(mutex_);
    free_.insert(free_.begin(), std::move(idle));
  }
  freed_.notify_one();
}

}  // namespace kubase::store
