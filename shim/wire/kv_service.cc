// Each handler: validate, hand over, answer from the store's callback.
#include "shim/wire/kv_service.h"

#include <memory>
#include <utility>

#include "shim/wire/calls.h"
#include "shim/wire/validate.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kName = "etcdserverpb.KV";

using ChunkStream = PullStream<pb::RangeStreamResponse>;

// etcd's shape: header, more and count come with the last chunk only.
void FillChunk(const Identity& identity, const store::RangeChunk& chunk, pb::RangeResponse* to) {
  to->mutable_kvs()->Reserve(static_cast<int>(chunk.kvs.size()));
  for (const store::KeyValuePtr& pair : chunk.kvs) FillKeyValue(*pair, to->add_kvs());
  if (!chunk.last) return;
  FillHeader(identity, chunk.revision, to->mutable_header());
  to->set_more(chunk.more);
  to->set_count(chunk.count);
}

ChunkStream::Source ChunksOf(const Edge& edge, std::shared_ptr<store::RangeCursor> cursor) {
  return [&edge, cursor = std::move(cursor)](pb::RangeStreamResponse* response,
                                             ChunkStream::Fetched done) {
    cursor->Next([&edge, response, done = std::move(done)](Result<store::RangeChunk> chunk) {
      if (!chunk.ok()) return done(std::move(chunk).error());
      FillChunk(edge.identity, *chunk, response->mutable_range_response());
      done(chunk->last);
    });
  };
}

}  // namespace

KvService::KvService(Edge& edge)
    : edge_(edge),
      range_(edge.metrics, kName, "Range", RpcType::kUnary),
      range_stream_(edge.metrics, kName, "RangeStream", RpcType::kServerStream),
      put_(edge.metrics, kName, "Put", RpcType::kUnary),
      delete_range_(edge.metrics, kName, "DeleteRange", RpcType::kUnary),
      txn_(edge.metrics, kName, "Txn", RpcType::kUnary),
      compact_(edge.metrics, kName, "Compact", RpcType::kUnary) {
  SetMessageAllocatorFor_Range(&range_messages_);
  SetMessageAllocatorFor_Txn(&txn_messages_);
}

grpc::ServerUnaryReactor* KvService::Range(grpc::CallbackServerContext* context,
                                           const pb::RangeRequest* request,
                                           pb::RangeResponse* response) {
  auto* call = new UnaryCall<pb::RangeResponse>(edge_, range_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckRange(*request))) return reactor;
  edge_.store.Range(ToStore(Take(request)),
                    [call](Result<store::RangeResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerWriteReactor<pb::RangeStreamResponse>* KvService::RangeStream(
    grpc::CallbackServerContext*, const pb::RangeRequest* request) {
  auto* call = new ChunkStream(edge_, range_stream_);
  if (!call->Admit(CheckRangeStream(*request))) return call;
  store::RangeRequest range = ToStore(Take(request));
  range.sort_order = store::SortOrder::kNone;  // key order, whatever the target
  range.sort_target = store::SortTarget::kKey;
  edge_.store.OpenRangeCursor(std::move(range),
                              [this, call](Result<std::shared_ptr<store::RangeCursor>> cursor) {
                                if (!cursor.ok()) return call->Fail(ToStatus(cursor.error()));
                                call->Pull(ChunksOf(edge_, std::move(*cursor)));
                              });
  return call;
}

grpc::ServerUnaryReactor* KvService::Put(grpc::CallbackServerContext* context,
                                         const pb::PutRequest* request, pb::PutResponse* response) {
  auto* call = new UnaryCall<pb::PutResponse>(edge_, put_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckPut(*request))) return reactor;
  edge_.store.Put(ToStore(Take(request)),
                  [call](Result<store::PutResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::DeleteRange(grpc::CallbackServerContext* context,
                                                 const pb::DeleteRangeRequest* request,
                                                 pb::DeleteRangeResponse* response) {
  auto* call = new UnaryCall<pb::DeleteRangeResponse>(edge_, delete_range_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckDeleteRange(*request))) return reactor;
  edge_.store.DeleteRange(
      ToStore(Take(request)),
      [call](Result<store::DeleteRangeResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::Txn(grpc::CallbackServerContext* context,
                                         const pb::TxnRequest* request, pb::TxnResponse* response) {
  auto* call = new UnaryCall<pb::TxnResponse>(edge_, txn_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckTxn(*request))) return reactor;
  edge_.store.Txn(ToStore(Take(request)),
                  [call](Result<store::TxnResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::Compact(grpc::CallbackServerContext* context,
                                             const pb::CompactionRequest* request,
                                             pb::CompactionResponse* response) {
  auto* call = new UnaryCall<pb::CompactionResponse>(edge_, compact_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Compact(request->revision(), request->physical(),
                      [call](Result<store::Revision> revision) { call->AnswerHeader(revision); });
  return reactor;
}

}  // namespace kubase::wire
