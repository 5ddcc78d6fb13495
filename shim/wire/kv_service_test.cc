#include "shim/wire/kv_service.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

// A store callback that the test answers later.
template <typename T>
class Later {
 public:
  void Keep(store::Callback<T> done) { done_.set_value(std::move(done)); }
  store::Callback<T> Wait() { return done_.get_future().get(); }

 private:
  std::promise<store::Callback<T>> done_;
};

class Chunks final : public store::RangeCursor {
 public:
  explicit Chunks(std::vector<Result<store::RangeChunk>> chunks) : chunks_(std::move(chunks)) {}
  void Next(store::Callback<store::RangeChunk> done) override { done(chunks_.at(next_++)); }

 private:
  std::vector<Result<store::RangeChunk>> chunks_;
  size_t next_ = 0;
};

std::shared_ptr<store::RangeCursor> Cursor(std::vector<Result<store::RangeChunk>> chunks) {
  return std::make_shared<Chunks>(std::move(chunks));
}

TEST_CASE("KvService: a range answers pairs, count and a full header") {
  TestServer test;
  std::promise<store::KeyRange> asked;  // checks belong to the test's own thread
  test.store.on_range = [&](store::RangeRequest request, auto done) {
    asked.set_value(request.range);
    done(store::RangeResponse{.revision = 42,
                              .kvs = {MakePair("a1", "one", 3), MakePair("a2", "two", 4)},
                              .more = true,
                              .count = 9});
  };
  auto stub = pb::KV::NewStub(test.Connect());
  Context context;
  pb::RangeRequest request;
  request.set_key("a");
  request.set_range_end("b");
  pb::RangeResponse response;
  const grpc::Status status = stub->Range(&context, request, &response);
  REQUIRE(status.ok());
  CHECK(asked.get_future().get() == store::KeyRange{"a", "b"});
  CHECK(response.header().cluster_id() == 11);
  CHECK(response.header().member_id() == 22);
  CHECK(response.header().revision() == 42);
  CHECK(response.header().raft_term() > 0);
  REQUIRE(response.kvs_size() == 2);
  CHECK(response.kvs(1).key() == "a2");
  CHECK(response.kvs(1).value() == "two");
  CHECK(response.kvs(1).mod_revision() == 4);
  CHECK(response.more());
  CHECK(response.count() == 9);
}

TEST_CASE("KvService: errors of the store and of validation arrive with etcd's code and text") {
  TestServer test;
  test.store.on_range = [](store::RangeRequest, auto done) {
    done(Error{ErrorCode::kCompacted, "inner"});
  };
  auto stub = pb::KV::NewStub(test.Connect());
  pb::RangeRequest request;
  pb::RangeResponse response;
  {
    Context context;
    const grpc::Status status = stub->Range(&context, request, &response);
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(status.error_message() == "etcdserver: key is not provided");
  }
  request.set_key("k");
  Context context;
  const grpc::Status status = stub->Range(&context, request, &response);
  CHECK(status.error_code() == grpc::StatusCode::OUT_OF_RANGE);
  CHECK(status.error_message() == "etcdserver: mvcc: required revision has been compacted");
}

TEST_CASE("KvService: a large put is refused by etcd's limit, a larger one by the receive limit") {
  TestServer test;
  std::atomic<int> puts{0};
  test.store.on_put = [&](store::PutRequest request, auto done) {
    if (request.value.size() == 1000 * 1000) ++puts;
    done(store::PutResponse{.revision = 8});
  };
  auto stub = pb::KV::NewStub(test.Connect());
  const auto put = [&](size_t bytes) {
    Context context;
    pb::PutRequest request;
    request.set_key("k");
    request.set_value(std::string(bytes, 'v'));
    pb::PutResponse response;
    return stub->Put(&context, request, &response);
  };
  CHECK(put(1000 * 1000).ok());
  const grpc::Status large = put(1600 * 1024);
  CHECK(large.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(large.error_message() == "etcdserver: request is too large");
  CHECK(put(3 * 1024 * 1024).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(put(1000 * 1000).ok());  // the connection is still good
  CHECK(puts == 2);
}

TEST_CASE("KvService: an answer that comes after the client has gone harms nobody") {
  TestServer test;
  Later<store::RangeResponse> kept;
  test.store.on_range = [&](store::RangeRequest, auto done) { kept.Keep(std::move(done)); };
  auto stub = pb::KV::NewStub(test.Connect());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  pb::RangeRequest request;
  request.set_key("k");
  pb::RangeResponse response;
  CHECK(stub->Range(&context, request, &response).error_code() ==
        grpc::StatusCode::DEADLINE_EXCEEDED);
  kept.Wait()(store::RangeResponse{.revision = 9, .kvs = {MakePair("k", "late", 9)}});
  test.server->Stop(std::chrono::seconds(10));
}

bool BecomesAbandoned(const store::RangeRequest& request) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!request.IsAbandoned() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  return request.IsAbandoned();
}

TEST_CASE("KvService: the store can tell that the client of a range has gone") {
  TestServer test;
  Later<store::RangeResponse> kept;
  store::RangeRequest asked;
  test.store.on_range = [&](store::RangeRequest range, auto done) {
    asked = std::move(range);
    kept.Keep(std::move(done));
  };
  auto stub = pb::KV::NewStub(test.Connect());
  Context context;
  pb::RangeRequest request;
  request.set_key("k");
  pb::RangeResponse response;
  auto status = std::async(std::launch::async,
                           [&] { return stub->Range(&context, request, &response).error_code(); });
  const store::Callback<store::RangeResponse> answer = kept.Wait();
  CHECK_FALSE(asked.IsAbandoned());
  context.TryCancel();
  CHECK(status.get() == grpc::StatusCode::CANCELLED);
  CHECK(BecomesAbandoned(asked));
  answer(Error{ErrorCode::kCancelled, "nobody waits"});
  test.server->Stop(std::chrono::seconds(10));
}

TEST_CASE("KvService: a transaction, a delete and a compaction are passed on") {
  TestServer test;
  std::promise<size_t> compares;
  test.store.on_txn = [&](store::TxnRequest request, auto done) {
    compares.set_value(request.compares.size());
    store::TxnResponse response{.revision = 12, .succeeded = true};
    response.responses.push_back({store::PutResponse{12, nullptr}});
    done(std::move(response));
  };
  auto stub = pb::KV::NewStub(test.Connect());
  {
    Context context;
    pb::TxnRequest request;
    request.add_compare()->set_key("k");
    request.add_success()->mutable_request_put()->set_key("k");
    pb::TxnResponse response;
    REQUIRE(stub->Txn(&context, request, &response).ok());
    CHECK(compares.get_future().get() == 1);
    CHECK(response.succeeded());
    CHECK(response.header().revision() == 12);
    CHECK(response.responses(0).has_response_put());
  }
  {
    Context context;
    pb::DeleteRangeRequest request;
    request.set_key("k");
    pb::DeleteRangeResponse response;
    REQUIRE(stub->DeleteRange(&context, request, &response).ok());
    CHECK(response.deleted() == 1);
    CHECK(response.prev_kvs(0).key() == "gone");
  }
  Context context;
  pb::CompactionRequest request;
  request.set_revision(1000);
  pb::CompactionResponse response;
  CHECK(stub->Compact(&context, request, &response).error_message() ==
        "etcdserver: mvcc: required revision is a future revision");
}

TEST_CASE("KvService: a range stream sends chunks, and header, more and count with the last") {
  TestServer test;
  test.store.on_cursor = [](store::RangeRequest, auto done) {
    store::RangeChunk first{.kvs = {MakePair("a", "1", 2), MakePair("b", "2", 3)}};
    store::RangeChunk last{
        .kvs = {MakePair("c", "3", 4)}, .last = true, .revision = 50, .more = true, .count = 8};
    done(Cursor({first, last}));
  };
  auto stub = pb::KV::NewStub(test.Connect());
  Context context;
  pb::RangeRequest request;
  request.set_key("a");
  request.set_range_end("z");
  auto reader = stub->RangeStream(&context, request);
  pb::RangeStreamResponse chunk;
  REQUIRE(reader->Read(&chunk));
  CHECK(chunk.range_response().kvs_size() == 2);
  CHECK_FALSE(chunk.range_response().has_header());
  CHECK(chunk.range_response().count() == 0);
  REQUIRE(reader->Read(&chunk));
  REQUIRE(chunk.range_response().kvs_size() == 1);
  CHECK(chunk.range_response().kvs(0).key() == "c");
  CHECK(chunk.range_response().header().revision() == 50);
  CHECK(chunk.range_response().header().cluster_id() == 11);
  CHECK(chunk.range_response().more());
  CHECK(chunk.range_response().count() == 8);
  CHECK_FALSE(reader->Read(&chunk));
  CHECK(reader->Finish().ok());
}

TEST_CASE("KvService: a range stream that breaks in the middle ends with the store's error") {
  TestServer test;
  test.store.on_cursor = [](store::RangeRequest, auto done) {
    store::RangeChunk first{.kvs = {MakePair("a", "1", 2)}};
    done(Cursor({first, Error{ErrorCode::kCompacted, ""}}));
  };
  auto stub = pb::KV::NewStub(test.Connect());
  pb::RangeRequest request;
  request.set_key("a");
  pb::RangeStreamResponse chunk;
  {
    Context context;
    auto reader = stub->RangeStream(&context, request);
    CHECK(reader->Read(&chunk));
    CHECK_FALSE(reader->Read(&chunk));
    CHECK(reader->Finish().error_code() == grpc::StatusCode::OUT_OF_RANGE);
  }
  request.set_sort_order(pb::RangeRequest::DESCEND);
  Context context;
  auto reader = stub->RangeStream(&context, request);
  CHECK_FALSE(reader->Read(&chunk));
  CHECK(reader->Finish().error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

TEST_CASE("KvService: a range stream whose client goes while the store works ends quietly") {
  TestServer test;
  class Held final : public store::RangeCursor {
   public:
    explicit Held(Later<store::RangeChunk>& kept) : kept_(kept) {}
    void Next(store::Callback<store::RangeChunk> done) override { kept_.Keep(std::move(done)); }

   private:
    Later<store::RangeChunk>& kept_;
  };
  Later<store::RangeChunk> kept;
  store::RangeRequest asked;
  test.store.on_cursor = [&](store::RangeRequest range, auto done) {
    asked = std::move(range);
    done(std::shared_ptr<store::RangeCursor>(std::make_shared<Held>(kept)));
  };
  auto stub = pb::KV::NewStub(test.Connect());
  Context context;
  pb::RangeRequest request;
  request.set_key("a");
  auto reader = stub->RangeStream(&context, request);
  const store::Callback<store::RangeChunk> answer = kept.Wait();
  CHECK_FALSE(asked.IsAbandoned());
  context.TryCancel();
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
  CHECK(BecomesAbandoned(asked));
  answer(store::RangeChunk{.kvs = {MakePair("a", "1", 2)}, .last = true, .revision = 3});
  test.server->Stop(std::chrono::seconds(10));
}

}  // namespace
}  // namespace kubase::wire
