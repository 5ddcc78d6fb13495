// WatchCall: one watch stream; on one side a gRPC reactor, on the other the sink of the hub.
//
// Lifetime: gRPC owns the call until OnDone, the hub until the WatchStream is gone; the WatchStream
// goes in OnDone. Finish is held back while a write is in flight, so the two never meet; after the
// decision to end, what the hub still sends is dropped.
// Back-pressure: over kWatchStreamBytesMax the watchers pause and no further request is read; below
// half of it both go on. Several watchers may each add one batch before all of them pause.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shim/store/watch.h"
#include "shim/wire/call_record.h"
#include "shim/wire/edge.h"
#include "shim/wire/request_selector.h"
#include "shim/wire/rpc.pb.h"
#include "shim/wire/watch_queue.h"

namespace kubase::wire {

class WatchCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                        public store::WatchSink,
                        public OpenStream {
 public:
  // Opens the stream at the hub and reads the first request; answers at once when the gate is shut.
  // `selectors`: of all watchers of the stream.
  static WatchCall* Start(Edge& edge, MethodMetrics& metrics, SelectorTexts selectors);

  void OnCreated(store::WatchId id, store::Revision revision) override;
  store::Flow OnEvents(store::WatchId id, const store::WatchBatch& batch) override;
  void OnProgress(store::WatchId id, store::Revision revision) override;
  void OnCancelled(store::WatchId id, store::Revision revision, store::Revision compact_revision,
                   const std::string& reason) override;

  void End(const grpc::Status& status) override;

 private:
  // A create request that the hub has not answered, or one refused here whose answer has to wait
  // for those before it.
  struct PendingCreate {
    WatchOptions options;
    std::optional<std::string> refused;  // the reason
  };

  WatchCall(Edge& edge, MethodMetrics& metrics, SelectorTexts selectors);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Create(etcdserverpb::WatchCreateRequest&& request);
  void Refuse(const std::string& reason);
  void ReadNext();
  // These need mutex_.
  void PushLocked(WatchItem item);
  void FlushRefusedLocked();
  // Starts the next write or the end, if neither is under way; without mutex_.
  void Pump();

  Edge& edge_;
  const SelectorTexts selectors_;
  std::optional<CallRecord> record_;            // until OnDone
  bool entered_ = false;                        // constant after Start
  std::shared_ptr<WatchCall> self_;             // gRPC's share; the hub holds the other
  std::unique_ptr<store::WatchStream> stream_;  // used by gRPC's reactions only
  grpc::ByteBuffer read_;                       // being read; used by OnReadDone only
  etcdserverpb::WatchRequest request_;          // made of it
  grpc::ByteBuffer written_;                    // being written; owned by the writer

  std::mutex mutex_;  // guards all below
  WatchQueue queue_;
  std::deque<PendingCreate> pending_;
  std::unordered_map<store::WatchId, WatchOptions> watchers_;
  std::vector<store::WatchId> paused_;
  bool read_held_ = false;           // the next read waits for the queue to drain
  bool writing_ = false;             // whoever set it owns written_ until OnWriteDone
  bool ended_ = false;               // Finish was called
  std::optional<grpc::Status> end_;  // how to end, once decided
};

}  // namespace kubase::wire
