// The scripted store and its hub thread.
#include "shim/wire/fake_store_test.h"

#include <utility>

namespace kubase::wire {

store::KeyValuePtr MakePair(const std::string& key, const std::string& value,
                            store::Revision revision) {
  return std::make_shared<const store::KeyValue>(store::KeyValue{.key = key,
                                                                 .value = value,
                                                                 .create_revision = revision,
                                                                 .mod_revision = revision,
                                                                 .version = 1});
}

store::EventPtr MakePut(const std::string& key, const std::string& value, store::Revision revision,
                        store::KeyValuePtr prev) {
  return std::make_shared<const store::Event>(
      store::Event{store::Event::Type::kPut, MakePair(key, value, revision), std::move(prev)});
}

class FakeHub::Stream final : public store::WatchStream {
 public:
  explicit Stream(FakeHub& hub) : hub_(hub) {}

  ~Stream() override {
    // The sink goes on the hub's own thread, so that no call of it can run after this.
    hub_.Post([this] {
      std::lock_guard lock(hub_.mutex_);
      hub_.sinks_.erase(this);
    });
    hub_.Settle();
  }

  void Create(store::WatchRequest request) override {
    hub_.Post([this, request] {
      store::WatchId id = request.watch_id;
      std::shared_ptr<store::WatchSink> sink;
      {
        std::lock_guard lock(hub_.mutex_);
        hub_.created_.push_back(request);
        if (id == store::kAutoWatchId) id = hub_.next_id_++;
        sink = hub_.sinks_[this];
      }
      if (!hub_.answer_creates) return;
      if (hub_.refuse_creates) {
        sink->OnCancelled(store::kWholeStreamId, kFakeRevision, 0, "in use");
      } else {
        sink->OnCreated(id, kFakeRevision);
      }
    });
  }

  void Cancel(store::WatchId id) override {
    hub_.Post([this, id] {
      std::shared_ptr<store::WatchSink> sink;
      {
        std::lock_guard lock(hub_.mutex_);
        hub_.cancelled_.push_back(id);
        sink = hub_.sinks_[this];
      }
      sink->OnCancelled(id, kFakeRevision, 0, "");
    });
  }

  void RequestProgress() override {
    hub_.Post([this] {
      std::shared_ptr<store::WatchSink> sink;
      {
        std::lock_guard lock(hub_.mutex_);
        ++hub_.progress_requests_;
        sink = hub_.sinks_[this];
      }
      sink->OnProgress(store::kWholeStreamId, kFakeRevision);
    });
  }

  void Resume(store::WatchId id) override {
    hub_.Post([this, id] {
      std::lock_guard lock(hub_.mutex_);
      hub_.resumed_.push_back(id);
    });
  }

 private:
  FakeHub& hub_;
};

FakeHub::FakeHub() : thread_([this] { Run(); }) {}

FakeHub::~FakeHub() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::unique_ptr<store::WatchStream> FakeHub::Open(std::shared_ptr<store::WatchSink> sink) {
  auto stream = std::make_unique<Stream>(*this);
  std::lock_guard lock(mutex_);
  sinks_[stream.get()] = std::move(sink);
  return stream;
}

void FakeHub::WithSink(std::function<void(store::WatchSink&)> call) {
  Post([this, call = std::move(call)] {
    std::shared_ptr<store::WatchSink> sink;
    {
      std::lock_guard lock(mutex_);
      if (sinks_.empty()) return;
      sink = sinks_.begin()->second;
    }
    call(*sink);
  });
}

void FakeHub::Settle() {
  std::unique_lock lock(mutex_);
  const uint64_t target = posted_;
  changed_.wait(lock, [&] { return done_ >= target; });
}

bool FakeHub::Eventually(const std::function<bool()>& met) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!met()) {
    std::unique_lock lock(mutex_);
    if (std::chrono::steady_clock::now() > deadline) return false;
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  return true;
}

std::vector<store::WatchRequest> FakeHub::created() {
  std::lock_guard lock(mutex_);
  return created_;
}
std::vector<store::WatchId> FakeHub::cancelled() {
  std::lock_guard lock(mutex_);
  return cancelled_;
}
std::vector<store::WatchId> FakeHub::resumed() {
  std::lock_guard lock(mutex_);
  return resumed_;
}
int FakeHub::progress_requests() {
  std::lock_guard lock(mutex_);
  return progress_requests_;
}
size_t FakeHub::open_streams() {
  std::lock_guard lock(mutex_);
  return sinks_.size();
}

void FakeHub::Post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    ++posted_;
  }
  changed_.notify_all();
}

void FakeHub::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !work_.empty(); });
    if (work_.empty()) return;
    std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

void FakeStore::SetStatus(const store::StoreStatus& status) {
  std::lock_guard lock(mutex_);
  status_ = status;
}
store::StoreStatus FakeStore::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void FakeStore::Range(store::RangeRequest request, Done<store::RangeResponse> done) {
  if (on_range) return on_range(std::move(request), std::move(done));
  done(store::RangeResponse{.revision = kFakeRevision});
}
void FakeStore::OpenRangeCursor(store::RangeRequest request,
                                Done<std::shared_ptr<store::RangeCursor>> done) {
  if (on_cursor) return on_cursor(std::move(request), std::move(done));
  done(Error{ErrorCode::kUnsupported, "not scripted"});
}
void FakeStore::Put(store::PutRequest request, Done<store::PutResponse> done) {
  if (on_put) return on_put(std::move(request), std::move(done));
  done(store::PutResponse{.revision = kFakeRevision});
}
void FakeStore::DeleteRange(store::DeleteRangeRequest, Done<store::DeleteRangeResponse> done) {
  done(store::DeleteRangeResponse{
      .revision = kFakeRevision, .deleted = 1, .prev_kvs = {MakePair("gone", "v", 3)}});
}
void FakeStore::Txn(store::TxnRequest request, Done<store::TxnResponse> done) {
  if (on_txn) return on_txn(std::move(request), std::move(done));
  done(store::TxnResponse{.revision = kFakeRevision, .succeeded = true});
}
void FakeStore::Compact(store::Revision revision, bool, Done<store::Revision> done) {
  if (revision > kFakeRevision) return done(Error{ErrorCode::kFutureRevision, ""});
  done(kFakeRevision);
}
void FakeStore::Grant(store::LeaseId id, int64_t ttl_seconds,
                      Done<store::LeaseGrantResponse> done) {
  done(store::LeaseGrantResponse{kFakeRevision, id == 0 ? 99 : id, ttl_seconds});
}
void FakeStore::Revoke(store::LeaseId, Done<store::Revision> done) {
  done(Error{ErrorCode::kLeaseNotFound, ""});
}
void FakeStore::KeepAlive(store::LeaseId id, Done<store::LeaseKeepAliveResponse> done) {
  if (on_keep_alive) return on_keep_alive(id, std::move(done));
  done(store::LeaseKeepAliveResponse{kFakeRevision, 60});
}
void FakeStore::TimeToLive(store::LeaseId, bool with_keys,
                           Done<store::LeaseTimeToLiveResponse> done) {
  store::LeaseTimeToLiveResponse response{kFakeRevision, 30, 60, {}};
  if (with_keys) response.keys = {"a", "b"};
  done(response);
}
void FakeStore::List(Done<std::vector<store::LeaseId>> done) {
  done(std::vector<store::LeaseId>{1, 2});
}
void FakeStore::Status(Done<store::StoreStatus> done) {
  done(status());
}
void FakeStore::Defragment(Done<store::Revision> done) {
  done(kFakeRevision);
}
void FakeStore::HashKv(store::Revision revision, Done<store::HashKvResponse> done) {
  done(store::HashKvResponse{kFakeRevision, 2, revision, 0xabcd});
}
void FakeStore::OpenSnapshot(Done<std::shared_ptr<store::ByteCursor>> done) {
  if (on_snapshot) return on_snapshot(std::move(done));
  done(Error{ErrorCode::kUnsupported, "not scripted"});
}
void FakeStore::PreviewDeletion(store::PreviewRequest, Done<store::DeletionPreview> done) {
  done(Error{ErrorCode::kUnsupported, "not scripted"});
}
void FakeStore::RaiseNoSpace(Done<store::Revision> done) {
  {
    std::lock_guard lock(mutex_);
    status_.no_space = true;
  }
  done(kFakeRevision);
}
void FakeStore::DisarmNoSpace(Done<store::Revision> done) {
  {
    std::lock_guard lock(mutex_);
    status_.no_space = false;
  }
  done(kFakeRevision);
}

}  // namespace kubase::wire
