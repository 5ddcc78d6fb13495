// Each handler: validate, hand over, answer from the store's callback.
#include "shim/wire/kv_service.h"

#include <memory>
#include <utility>

#include "shim/wire/calls.h"
#include "shim/wire/pull_stream.h"
#include "shim/wire/range_encoding.h"
#include "shim/wire/request_selector.h"
#include "shim/wire/validate.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kKvService = "etcdserverpb.KV";

Result<PullStream::Part> PartOf(const Identity& identity, const store::RangeChunk& chunk) {
  pb::RangeResponse rest;
  if (chunk.last) FillRest(identity, chunk, &rest);  // etcd's shape: with the last chunk only
  PullStream::Part part{.last = chunk.last};
  KUBASE_TRY(EncodeRangeStream(rest, chunk.kvs, &part.message));
  return part;
}

PullStream::Source ChunksOf(const Edge& edge, std::shared_ptr<store::RangeCursor> cursor) {
  return [&edge, cursor = std::move(cursor)](PullStream::Fetched done) {
    cursor->Next([&edge, done = std::move(done)](Result<store::RangeChunk> chunk) {
      if (!chunk.ok()) return done(std::move(chunk).error());
      done(PartOf(edge.identity, *chunk));
    });
  };
}

Result<std::shared_ptr<const select::Selector>> RequestSelector(
    const grpc::CallbackServerContext& context, const pb::RangeRequest& request) {
  return SelectorOf(SelectorTextsOf(context), request.label_selector(), request.field_selector());
}

}  // namespace

KvService::KvService(Edge& edge)
    : edge_(edge),
      range_(edge.metrics, kKvService, "Range", RpcType::kUnary),
      range_stream_(edge.metrics, kKvService, "RangeStream", RpcType::kServerStream),
      put_(edge.metrics, kKvService, "Put", RpcType::kUnary),
      delete_range_(edge.metrics, kKvService, "DeleteRange", RpcType::kUnary),
      txn_(edge.metrics, kKvService, "Txn", RpcType::kUnary),
      compact_(edge.metrics, kKvService, "Compact", RpcType::kUnary) {}

grpc::ServerUnaryReactor* KvService::Range(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::RangeRequest, pb::RangeResponse>(edge_, range_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckRange)) return reactor;
  auto selector = RequestSelector(*context, call->request());
  if (!selector.ok()) {
    call->Fail(selector.error());
    return reactor;
  }
  store::RangeRequest range = ToStore(call->TakeRequest());
  range.selector = std::move(selector).value();
  range.is_abandoned = [call] { return call->IsAbandoned(); };
  edge_.store.Range(std::move(range),
                    [call](Result<store::RangeResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* KvService::RangeStream(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  auto* call = new PullStream(edge_, range_stream_);
  pb::RangeRequest request;
  if (!call->Admit(bytes, &request)) return call;
  if (const Result<void> checked = CheckRangeStream(request); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  auto selector = RequestSelector(*context, request);
  if (!selector.ok()) {
    call->Fail(selector.error());
    return call;
  }
  store::RangeRequest range = ToStore(std::move(request));
  range.selector = std::move(selector).value();
  range.is_abandoned = [call] { return call->IsAbandoned(); };
  range.sort_order = store::SortOrder::kNone;  // key order, whatever the target
  range.sort_target = store::SortTarget::kKey;
  edge_.store.OpenRangeCursor(std::move(range),
                              [this, call](Result<std::shared_ptr<store::RangeCursor>> cursor) {
                                if (!cursor.ok()) return call->Fail(cursor.error());
                                call->Pull(ChunksOf(edge_, std::move(*cursor)));
                              });
  return call;
}

grpc::ServerUnaryReactor* KvService::Put(grpc::CallbackServerContext*,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::PutRequest, pb::PutResponse>(edge_, put_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckPut)) return reactor;
  edge_.store.Put(ToStore(call->TakeRequest()),
                  [call](Result<store::PutResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::DeleteRange(grpc::CallbackServerContext*,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::DeleteRangeRequest, pb::DeleteRangeResponse>(edge_, delete_range_,
                                                                              request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckDeleteRange)) return reactor;
  edge_.store.DeleteRange(
      ToStore(call->TakeRequest()),
      [call](Result<store::DeleteRangeResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::Txn(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::TxnRequest, pb::TxnResponse>(edge_, txn_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit(CheckTxn)) return reactor;
  store::TxnRequest txn = ToStore(call->TakeRequest());
  txn.by_garbage_collector = IsByGarbageCollector(*context);
  edge_.store.Txn(std::move(txn),
                  [call](Result<store::TxnResponse> result) { call->Answer(result); });
  return reactor;
}

grpc::ServerUnaryReactor* KvService::Compact(grpc::CallbackServerContext*,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::CompactionRequest, pb::CompactionResponse>(edge_, compact_,
                                                                            request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Compact(call->request().revision(), call->request().physical(),
                      [call](Result<store::Revision> revision) { call->AnswerHeader(revision); });
  return reactor;
}

}  // namespace kubase::wire
