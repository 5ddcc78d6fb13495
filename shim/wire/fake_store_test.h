// FakeStore: a store whose answers are scripted by the test, and a hub that the test drives.
//
// Every handler can be replaced; the defaults answer at once at revision 7.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shim/store/store.h"

namespace kubase::wire {

inline constexpr store::Revision kFakeRevision = 7;

store::KeyValuePtr MakePair(const std::string& key, const std::string& value,
                            store::Revision revision);
store::EventPtr MakePut(const std::string& key, const std::string& value, store::Revision revision,
                        store::KeyValuePtr prev = nullptr);

// One thread, as the real hub; calls reach the sinks in the order they were made.
class FakeHub final : public store::WatchSource {
 public:
  FakeHub();
  ~FakeHub() override;

  std::unique_ptr<store::WatchStream> Open(std::shared_ptr<store::WatchSink> sink) override;

  // Runs `call` on the hub's thread with the only open stream's sink, if there is one.
  void WithSink(std::function<void(store::WatchSink&)> call);
  // Waits until everything posted so far has run.
  void Settle();
  // Waits at most 10 s for `met`, which is evaluated whenever the hub has done something.
  bool Eventually(const std::function<bool()>& met);

  std::vector<store::WatchRequest> created();
  std::vector<store::WatchId> cancelled();
  std::vector<store::WatchId> resumed();
  int progress_requests();
  size_t open_streams();

  bool refuse_creates = false;  // set before the server starts: every id is "in use"
  bool answer_creates = true;   // false: the test answers with WithSink

 private:
  class Stream;

  void Post(std::function<void()> work);
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  uint64_t posted_ = 0;
  uint64_t done_ = 0;
  bool stop_ = false;
  std::map<Stream*, std::shared_ptr<store::WatchSink>> sinks_;
  std::vector<store::WatchRequest> created_;
  std::vector<store::WatchId> cancelled_;
  std::vector<store::WatchId> resumed_;
  int progress_requests_ = 0;
  store::WatchId next_id_ = 0;
  std::thread thread_;
};

class FakeStore final : public store::Store {
 public:
  template <typename T>
  using Done = store::Callback<T>;

  std::function<void(store::RangeRequest, Done<store::RangeResponse>)> on_range;
  std::function<void(store::RangeRequest, Done<std::shared_ptr<store::RangeCursor>>)> on_cursor;
  std::function<void(store::PutRequest, Done<store::PutResponse>)> on_put;
  std::function<void(store::TxnRequest, Done<store::TxnResponse>)> on_txn;
  std::function<void(store::LeaseId, Done<store::LeaseKeepAliveResponse>)> on_keep_alive;
  std::function<void(Done<std::shared_ptr<store::ByteCursor>>)> on_snapshot;

  void SetStatus(const store::StoreStatus& status);
  store::StoreStatus status() const;

  void Range(store::RangeRequest request, Done<store::RangeResponse> done) override;
  void OpenRangeCursor(store::RangeRequest request,
                       Done<std::shared_ptr<store::RangeCursor>> done) override;
  void Put(store::PutRequest request, Done<store::PutResponse> done) override;
  void DeleteRange(store::DeleteRangeRequest request,
                   Done<store::DeleteRangeResponse> done) override;
  void Txn(store::TxnRequest request, Done<store::TxnResponse> done) override;
  void Compact(store::Revision revision, bool physical, Done<store::Revision> done) override;
  void Grant(store::LeaseId id, int64_t ttl_seconds, Done<store::LeaseGrantResponse> done) override;
  void Revoke(store::LeaseId id, Done<store::Revision> done) override;
  void KeepAlive(store::LeaseId id, Done<store::LeaseKeepAliveResponse> done) override;
  void TimeToLive(store::LeaseId id, bool with_keys,
                  Done<store::LeaseTimeToLiveResponse> done) override;
  void List(Done<std::vector<store::LeaseId>> done) override;
  void Status(Done<store::StoreStatus> done) override;
  std::vector<store::KindCount> CountKinds() const override { return {}; }
  void Defragment(Done<store::Revision> done) override;
  void HashKv(store::Revision revision, Done<store::HashKvResponse> done) override;
  void OpenSnapshot(Done<std::shared_ptr<store::ByteCursor>> done) override;
  void PreviewDeletion(store::PreviewRequest request, Done<store::DeletionPreview> done) override;
  void RaiseNoSpace(Done<store::Revision> done) override;
  void DisarmNoSpace(Done<store::Revision> done) override;
  store::WatchSource& watches() override { return hub; }
  store::Revision current_revision() const override { return kFakeRevision; }

  FakeHub hub;

 private:
  mutable std::mutex mutex_;
  store::StoreStatus status_{.cluster_id = 11, .member_id = 22, .revision = kFakeRevision};
};

}  // namespace kubase::wire
