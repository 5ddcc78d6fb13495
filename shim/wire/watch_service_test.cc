#include "shim/wire/watch_service.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "shim/base/limits.h"
#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

// One watch stream of a client, used by one thread.
class Client {
 public:
  explicit Client(const TestServer& test)
      : channel_(test.Connect()),
        stub_(pb::Watch::NewStub(channel_)),
        stream_(stub_->Watch(&context_)) {}
  ~Client() {
    context_.TryCancel();
    if (!finished_) stream_->Finish();
  }

  void Create(const std::function<void(pb::WatchCreateRequest&)>& fill) {
    pb::WatchRequest request;
    request.mutable_create_request()->set_key("k");
    fill(*request.mutable_create_request());
    REQUIRE(stream_->Write(request));
  }
  void Cancel(store::WatchId id) {
    pb::WatchRequest request;
    request.mutable_cancel_request()->set_watch_id(id);
    REQUIRE(stream_->Write(request));
  }
  void RequestProgress() {
    pb::WatchRequest request;
    request.mutable_progress_request();
    REQUIRE(stream_->Write(request));
  }
  pb::WatchResponse Read() {
    pb::WatchResponse response;
    REQUIRE(stream_->Read(&response));
    return response;
  }
  // A watcher of "k" that is there; its id.
  store::WatchId Watch(const std::function<void(pb::WatchCreateRequest&)>& fill = [](auto&) {}) {
    Create(fill);
    const pb::WatchResponse response = Read();
    CHECK(response.created());
    CHECK_FALSE(response.canceled());
    return response.watch_id();
  }
  // Returns when the server has received all that was sent before: one connection keeps the order.
  void Fence() {
    Context context;
    pb::MemberListResponse response;
    REQUIRE(pb::Cluster::NewStub(channel_)->MemberList(&context, {}, &response).ok());
  }
  void CloseSend() { REQUIRE(stream_->WritesDone()); }
  grpc::Status ReadToEnd() {
    pb::WatchResponse response;
    while (stream_->Read(&response)) continue;
    finished_ = true;
    return stream_->Finish();
  }

 private:
  Context context_;
  bool finished_ = false;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::Watch::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::WatchRequest, pb::WatchResponse>> stream_;
};

TEST_CASE("WatchService: a watcher is created with its options and gets events with full header") {
  TestServer test;
  Client client(test);
  const store::WatchId id = client.Watch([](pb::WatchCreateRequest& request) {
    request.set_range_end("l");
    request.set_start_revision(5);
    request.add_filters(pb::WatchCreateRequest::NOPUT);
    request.set_progress_notify(true);
  });
  const auto created = test.store.hub.created();
  REQUIRE(created.size() == 1);
  CHECK(created[0].range == store::KeyRange{"k", "l"});
  CHECK(created[0].start_revision == 5);
  CHECK((created[0].no_put && !created[0].no_delete && created[0].progress_notify));
  test.store.hub.WithSink([id](store::WatchSink& sink) {
    sink.OnEvents(id,
                  {9, {MakePut("k1", "v", 8, MakePair("k1", "old", 3)), MakePut("k2", "w", 9)}});
  });
  const pb::WatchResponse response = client.Read();
  CHECK(response.watch_id() == id);
  CHECK(response.header().revision() == 9);
  CHECK(response.header().cluster_id() == 11);
  REQUIRE(response.events_size() == 2);
  CHECK(response.events(0).kv().value() == "v");
  CHECK_FALSE(response.events(0).has_prev_kv());  // nobody asked for it
  CHECK(response.events(1).kv().mod_revision() == 9);
}

TEST_CASE("WatchService: prev_kv comes only to the watcher that asked for it") {
  TestServer test;
  Client client(test);
  const store::WatchId plain = client.Watch();
  const store::WatchId with_prev =
      client.Watch([](pb::WatchCreateRequest& request) { request.set_prev_kv(true); });
  REQUIRE(plain != with_prev);
  const store::EventPtr event = MakePut("k", "new", 8, MakePair("k", "old", 3));
  test.store.hub.WithSink([=](store::WatchSink& sink) {
    sink.OnEvents(plain, {8, {event}});
    sink.OnEvents(with_prev, {8, {event}});
  });
  const pb::WatchResponse first = client.Read();
  const pb::WatchResponse second = client.Read();
  CHECK(first.watch_id() == plain);
  CHECK_FALSE(first.events(0).has_prev_kv());
  CHECK(second.watch_id() == with_prev);
  CHECK(second.events(0).prev_kv().value() == "old");
}

TEST_CASE("WatchService: an empty key is the smallest one") {
  TestServer test;
  Client client(test);
  client.Watch([](pb::WatchCreateRequest& request) {
    request.clear_key();
    request.set_range_end(std::string(1, '\0'));
  });
  CHECK(test.store.hub.created().at(0).range.key == std::string(1, '\0'));
}

TEST_CASE("WatchService: bad requests are created and cancelled at once, as watcher -1") {
  TestServer test;
  Client client(test);
  const auto expect_refused = [&](const std::string& reason) {
    const pb::WatchResponse response = client.Read();
    CHECK(response.created());
    CHECK(response.canceled());
    CHECK(response.watch_id() == -1);
    CHECK(response.cancel_reason() == reason);
    CHECK(response.compact_revision() == 0);
    CHECK(response.header().revision() == kFakeRevision);
  };
  client.Create([](pb::WatchCreateRequest& request) { request.set_start_revision(-1); });
  expect_refused("etcdserver: mvcc: required revision has been compacted");
  client.Create([](pb::WatchCreateRequest& request) { request.set_range_end("a"); });
  expect_refused("mvcc: watcher range is empty");
  client.Create([](pb::WatchCreateRequest& request) { request.set_watch_id(-1); });
  expect_refused("watch id -1 stands for the whole stream");
  CHECK(test.store.hub.created().empty());
  CHECK(client.Watch() == 0);  // the stream goes on
}

TEST_CASE("WatchService: a refusal waits for the answers to the requests before it") {
  TestServer test;
  test.store.hub.answer_creates = false;
  Client client(test);
  client.Create([](pb::WatchCreateRequest&) {});
  client.Create([](pb::WatchCreateRequest& request) { request.set_start_revision(-1); });
  client.Create([](pb::WatchCreateRequest&) {});
  REQUIRE(test.store.hub.Eventually([&] { return test.store.hub.created().size() == 2; }));
  test.store.hub.WithSink([](store::WatchSink& sink) {
    sink.OnCreated(3, kFakeRevision);
    sink.OnCancelled(store::kWholeStreamId, kFakeRevision, 0,
                     "mvcc: duplicate watch ID provided on the WatchStream");
  });
  CHECK(client.Read().watch_id() == 3);
  CHECK(client.Read().cancel_reason() == "etcdserver: mvcc: required revision has been compacted");
  const pb::WatchResponse last = client.Read();
  CHECK((last.created() && last.canceled() && last.watch_id() == -1));
  CHECK(last.cancel_reason() == "mvcc: duplicate watch ID provided on the WatchStream");
}

TEST_CASE("WatchService: cancel, progress and compaction reach the client as etcd sends them") {
  TestServer test;
  Client client(test);
  const store::WatchId id = client.Watch();
  client.RequestProgress();
  const pb::WatchResponse progress = client.Read();
  CHECK(progress.watch_id() == -1);
  CHECK(progress.events_size() == 0);
  CHECK(progress.header().revision() == kFakeRevision);
  client.Cancel(id);
  const pb::WatchResponse cancelled = client.Read();
  CHECK(cancelled.watch_id() == id);
  CHECK(cancelled.canceled());
  CHECK_FALSE(cancelled.created());
  CHECK(cancelled.cancel_reason().empty());
  const store::WatchId second = client.Watch();
  test.store.hub.WithSink([second](store::WatchSink& sink) {
    sink.OnCancelled(second, 20, 15, "etcdserver: mvcc: required revision has been compacted");
  });
  const pb::WatchResponse compacted = client.Read();
  CHECK(compacted.canceled());
  CHECK(compacted.compact_revision() == 15);
  CHECK(compacted.header().revision() == 20);
}

TEST_CASE("WatchService: fragments come only to the watcher that asked for them") {
  TestServer test;
  Client client(test);
  const store::WatchId id =
      client.Watch([](pb::WatchCreateRequest& request) { request.set_fragment(true); });
  test.store.hub.WithSink([id](store::WatchSink& sink) {
    store::WatchBatch batch{9, {}};
    for (int i = 0; i < 5; ++i) {
      batch.events.push_back(MakePut("k" + std::to_string(i), std::string(1 << 20, 'v'), 9));
    }
    sink.OnEvents(id, batch);
  });
  int events = 0;
  int messages = 0;
  while (true) {
    const pb::WatchResponse response = client.Read();
    ++messages;
    events += response.events_size();
    CHECK(response.header().revision() == 9);
    CHECK(response.ByteSizeLong() <= limits::kRequestBytesMax + limits::kGrpcOverheadBytes);
    if (!response.fragment()) break;
  }
  CHECK(events == 5);
  CHECK(messages == 5);  // two of a megabyte do not fit under two megabytes with their overhead
}

// Queues `count` events of a quarter of a megabyte for the watcher, whatever the sink says; how
// many of them were answered with a pause.
int SendLargeEvents(TestServer& test, store::WatchId id, int count) {
  std::atomic<int> pauses{0};
  test.store.hub.WithSink([&, id](store::WatchSink& sink) {
    const store::EventPtr event = MakePut("k", std::string(256 * 1024, 'v'), 9);
    for (int i = 0; i < count; ++i) {
      if (sink.OnEvents(id, {9, {event}}) == store::Flow::kPause) ++pauses;
    }
  });
  test.store.hub.Settle();
  return pauses;
}

constexpr int kFarMoreEvents = 400;  // 100 MB: far more than queue and transport hold

TEST_CASE("WatchService: a slow client pauses its watcher, which resumes when the queue drains") {
  TestServer test;
  Client client(test);
  const store::WatchId id = client.Watch();
  CHECK(SendLargeEvents(test, id, 1) == 0);
  CHECK(SendLargeEvents(test, id, kFarMoreEvents) > 0);
  const size_t resumed_early = test.store.hub.resumed().size();
  for (int i = 0; i < 1 + kFarMoreEvents; ++i) {
    REQUIRE(client.Read().events_size() == 1);  // nothing was dropped
  }
  REQUIRE(
      test.store.hub.Eventually([&] { return test.store.hub.resumed().size() > resumed_early; }));
  CHECK(test.store.hub.resumed().back() == id);
}

TEST_CASE("WatchService: a client that sends more than it reads is held back") {
  TestServer test;
  Client client(test);
  const store::WatchId id = client.Watch();
  REQUIRE(SendLargeEvents(test, id, kFarMoreEvents) > 0);
  for (int i = 0; i < 100; ++i) client.RequestProgress();
  client.Fence();
  // At most one read was under way when the queue filled; the others wait in the transport.
  CHECK(test.store.hub.progress_requests() <= 2);
  int progress = 0;
  while (progress < 100) {
    if (client.Read().watch_id() == -1) ++progress;
  }
  CHECK(test.store.hub.progress_requests() == 100);
}

TEST_CASE("WatchService: watchers go on after the client has closed its side") {
  TestServer test;
  Client client(test);
  const store::WatchId id = client.Watch();
  client.CloseSend();
  test.store.hub.WithSink([id](store::WatchSink& sink) {
    sink.OnEvents(id, {9, {MakePut("k", "v", 9)}});
  });
  CHECK(client.Read().events_size() == 1);
}

TEST_CASE("WatchService: a client that vanishes takes its stream from the hub") {
  TestServer test;
  for (int round = 0; round < 20; ++round) {
    {
      Client client(test);
      const store::WatchId id = client.Watch();
      for (int i = 0; i < 50; ++i) {  // still being sent when the client goes
        test.store.hub.WithSink([id](store::WatchSink& sink) {
          sink.OnEvents(id, {9, {MakePut("k", std::string(64 * 1024, 'v'), 9)}});
        });
      }
    }
    REQUIRE(test.store.hub.Eventually([&] { return test.store.hub.open_streams() == 0; }));
  }
}

TEST_CASE("WatchService: a stop ends open watches with Unavailable, so that clients resume") {
  TestServer test;
  Client idle(test);
  idle.Watch();
  Client busy(test);
  const store::WatchId id = busy.Watch();
  test.store.hub.WithSink([id](store::WatchSink& sink) {
    const store::EventPtr event = MakePut("k", std::string(256 * 1024, 'v'), 9);
    for (int i = 0; i < 100; ++i) sink.OnEvents(id, {9, {event}});
  });
  test.store.hub.Settle();
  const auto started = std::chrono::steady_clock::now();
  test.server->Stop(std::chrono::milliseconds(300));
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
  CHECK(test.store.hub.open_streams() == 0);
  const grpc::Status status = idle.ReadToEnd();
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(status.error_message() == "etcdserver: server stopped");
}

}  // namespace
}  // namespace kubase::wire
