// Reads drive the hub; the hub fills the queue; one write at a time empties it.
#include "shim/wire/watch_call.h"

#include <utility>

#include "shim/base/limits.h"
#include "shim/wire/call_arena.h"
#include "shim/wire/message_bytes.h"
#include "shim/wire/status_map.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr size_t kMessageBytesMax = limits::kRequestBytesMax + limits::kGrpcOverheadBytes;
// Answers that may wait before no more requests are read; a client that sends more than it reads
// must not fill the memory.
constexpr size_t kQueuedAnswersMax = 4096;

bool IsEmptyRange(const std::string& key, const std::string& range_end) {
  const bool unbounded = range_end.size() == 1 && range_end[0] == '\0';
  return !range_end.empty() && !unbounded && key >= range_end;
}

// Why the wire refuses a watcher, in etcd's words; none: it is fine.
std::optional<std::string> ReasonToRefuse(const pb::WatchCreateRequest& request) {
  if (request.start_revision() < 0) return WireText({ErrorCode::kCompacted, ""});
  if (IsEmptyRange(request.key(), request.range_end())) return "mvcc: watcher range is empty";
  if (request.watch_id() == store::kWholeStreamId) return "watch id -1 stands for the whole stream";
  return std::nullopt;
}

Result<void> SerializeItem(const Identity& identity, const WatchItem& item,
                           grpc::ByteBuffer* bytes) {
  CallArena arena;
  auto* const response = arena.Make<pb::WatchResponse>();
  FillWatchResponse(identity, item, response);
  return Serialize(*response, bytes);
}

}  // namespace

WatchCall::WatchCall(Edge& edge, MethodMetrics& metrics, SelectorTexts selectors)
    : edge_(edge), selectors_(std::move(selectors)), queue_(kMessageBytesMax) {
  record_.emplace(edge.clock, metrics);
}

WatchCall* WatchCall::Start(Edge& edge, MethodMetrics& metrics, SelectorTexts selectors) {
  std::shared_ptr<WatchCall> call(new WatchCall(edge, metrics, std::move(selectors)));
  call->self_ = call;
  WatchCall* raw = call.get();
  if (!edge.gate.EnterStream(raw)) {
    raw->End(ToStatus(Refusal::kServerStopped));
    return raw;
  }
  raw->entered_ = true;
  raw->stream_ = edge.store.watches().Open(std::move(call));
  raw->StartRead(&raw->read_);
  return raw;
}

void WatchCall::OnReadDone(bool ok) {
  // The client has no more requests, or is gone; in the second case OnCancel follows. Its watchers
  // go on, as in etcd.
  if (!ok) return;
  if (!Parse(&read_, &request_)) return End(ToStatus(Refusal::kBrokenMessage));
  switch (request_.request_union_case()) {
    case pb::WatchRequest::kCreateRequest:
      Create(std::move(*request_.mutable_create_request()));
      break;
    case pb::WatchRequest::kCancelRequest:
      stream_->Cancel(request_.cancel_request().watch_id());
      break;
    case pb::WatchRequest::kProgressRequest:
      stream_->RequestProgress();
      break;
    case pb::WatchRequest::REQUEST_UNION_NOT_SET:
      break;  // etcd ignores what it does not know
  }
  ReadNext();
}

void WatchCall::ReadNext() {
  {
    std::lock_guard lock(mutex_);
    if (end_.has_value()) return;
    read_held_ = queue_.bytes() > limits::kWatchStreamBytesMax ||
                 queue_.size() + pending_.size() > kQueuedAnswersMax;
    if (read_held_) return;
  }
  StartRead(&read_);
}

void WatchCall::Create(pb::WatchCreateRequest&& request) {
  if (request.key().empty()) request.set_key(std::string(1, '\0'));  // the smallest key
  if (const auto reason = ReasonToRefuse(request)) return Refuse(*reason);
  auto selector = SelectorOf(selectors_, request.label_selector(), request.field_selector());
  if (!selector.ok()) return End(ToStatus(selector.error()));
  {
    std::lock_guard lock(mutex_);
    pending_.push_back({{request.prev_kv(), request.fragment()}, std::nullopt});
  }
  store::WatchRequest watch = ToStore(std::move(request));
  watch.selector = std::move(selector).value();
  stream_->Create(std::move(watch));
}

void WatchCall::Refuse(const std::string& reason) {
  {
    std::lock_guard lock(mutex_);
    pending_.push_back({{}, reason});
    FlushRefusedLocked();
  }
  Pump();
}

void WatchCall::FlushRefusedLocked() {
  while (!pending_.empty() && pending_.front().refused.has_value()) {
    WatchItem item{.kind = WatchItem::Kind::kRefused,
                   .revision = edge_.store.current_revision(),
                   .reason = std::move(*pending_.front().refused)};
    pending_.pop_front();
    PushLocked(std::move(item));
  }
}

void WatchCall::PushLocked(WatchItem item) {
  if (!end_.has_value()) queue_.Push(std::move(item));
}

void WatchCall::OnCreated(store::WatchId id, store::Revision revision) {
  {
    std::lock_guard lock(mutex_);
    KUBASE_CHECK(!pending_.empty());
    watchers_[id] = pending_.front().options;
    pending_.pop_front();
    PushLocked({.kind = WatchItem::Kind::kCreated, .id = id, .revision = revision});
    FlushRefusedLocked();
  }
  Pump();
}

store::Flow WatchCall::OnEvents(store::WatchId id, const store::WatchBatch& batch) {
  store::Flow flow = store::Flow::kContinue;
  {
    std::lock_guard lock(mutex_);
    const auto watcher = watchers_.find(id);
    if (end_.has_value() || watcher == watchers_.end()) return store::Flow::kPause;  // for good
    PushLocked({.kind = WatchItem::Kind::kEvents,
                .id = id,
                .revision = batch.revision,
                .events = batch.events,
                .options = watcher->second});
    if (queue_.bytes() > limits::kWatchStreamBytesMax) {
      paused_.push_back(id);
      flow = store::Flow::kPause;
    }
  }
  Pump();
  return flow;
}

void WatchCall::OnProgress(store::WatchId id, store::Revision revision) {
  {
    std::lock_guard lock(mutex_);
    PushLocked({.kind = WatchItem::Kind::kProgress, .id = id, .revision = revision});
  }
  Pump();
}

void WatchCall::OnCancelled(store::WatchId id, store::Revision revision,
                            store::Revision compact_revision, const std::string& reason) {
  {
    std::lock_guard lock(mutex_);
    WatchItem item{.kind = WatchItem::Kind::kCancelled,
                   .id = id,
                   .revision = revision,
                   .compact_revision = compact_revision,
                   .reason = reason};
    if (id == store::kWholeStreamId) {  // the oldest create request was refused by the hub
      KUBASE_CHECK(!pending_.empty());
      pending_.pop_front();
      item.kind = WatchItem::Kind::kRefused;
    }
    watchers_.erase(id);
    std::erase(paused_, id);
    PushLocked(std::move(item));
    FlushRefusedLocked();
  }
  Pump();
}

void WatchCall::Pump() {
  std::optional<WatchItem> item;
  {
    std::lock_guard lock(mutex_);
    if (writing_ || ended_) return;
    if (end_.has_value()) {
      ended_ = true;
    } else if (queue_.empty()) {
      return;
    } else {
      writing_ = true;
      item = queue_.Pop();
    }
  }
  // Outside the lock, since here events are copied and serialized. One thread at a time gets here.
  if (item.has_value()) {
    const Result<void> serialized = SerializeItem(edge_.identity, *item, &written_);
    if (serialized.ok()) return StartWrite(&written_);
    End(ToStatus(serialized.error()));
    return OnWriteDone(false);
  }
  record_->code = end_->error_code();
  Finish(*end_);
}

void WatchCall::OnWriteDone(bool ok) {
  std::vector<store::WatchId> resumed;
  bool read = false;
  {
    std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok && !end_.has_value()) end_ = ToStatus(Refusal::kWatchCancelled);
    if (end_.has_value()) {
      queue_.Clear();
    } else if (queue_.bytes() < limits::kWatchStreamBytesMax / 2) {
      resumed.swap(paused_);
      read = read_held_ && queue_.size() + pending_.size() <= kQueuedAnswersMax / 2;
      if (read) read_held_ = false;
    }
  }
  for (store::WatchId id : resumed) stream_->Resume(id);
  if (read) StartRead(&read_);
  Pump();
}

void WatchCall::OnCancel() {
  End(ToStatus(Refusal::kWatchCancelled));
}

void WatchCall::End(const grpc::Status& status) {
  {
    std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    queue_.Clear();
  }
  Pump();
}

void WatchCall::OnDone() {
  stream_.reset();  // waits for a sink call that is running; none comes after it
  record_.reset();  // the hub may drop its share of this object when the server is gone already
  if (entered_) edge_.gate.LeaveStream(this);
  self_.reset();
}

}  // namespace kubase::wire
