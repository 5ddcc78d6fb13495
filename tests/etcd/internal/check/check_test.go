package check

import (
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
)

func options() Options { return Options{Timeout: 20 * time.Second} }

// fewWindows is for histories whose fault is not left to porcupine.
func fewWindows() Options { return Options{Timeout: 20 * time.Second, Windows: 2} }

// A checker that finds faults where there are none is of no use.
func TestRightHistoriesPass(t *testing.T) {
	t.Parallel()
	forgotten := 0
	for seed := range uint64(12) {
		report := History(simulate(seed, 1500), options())
		if err := report.Err(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if report.Undecided > 0 || report.Windows < 5 || report.Watches < 5 ||
			report.Happened == 0 || report.Happened == report.Unknown ||
			report.SelectingRanges == 0 || report.SelectingWatches == 0 {
			t.Errorf("seed %d checks too little: %v", seed, report)
		}
		forgotten += report.Forgotten
	}
	if forgotten == 0 {
		t.Error("no watch with a selector gets an event of a forgotten value")
	}
}

// script makes a history by hand, in which one thing comes after the other.
type script struct {
	*history.History
	now   time.Duration
	watch *history.Stream // of all keys
}

func newScript(final int64) *script {
	watch := &history.Stream{Name: "all"}
	return &script{
		History: &history.History{Final: final, Streams: []*history.Stream{watch}}, watch: watch,
	}
}

// do adds a request; without a reply its outcome stays unknown.
func (s *script) do(client int, request, reply proto.Message) {
	o := &history.Operation{
		Client: client, Call: s.now, Return: s.now + time.Millisecond, Request: request, Reply: reply,
	}
	if reply == nil {
		o.Return = history.Never
	}
	s.now += 2 * time.Millisecond
	s.Operations = append(s.Operations, o)
}

// watchAll begins the watch of all keys.
func (s *script) watchAll(revision int64) {
	s.watch.Entries = append(s.watch.Entries, history.Entry{At: s.now, Sent: &pb.WatchRequest{
		RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1,
		}},
	}})
	s.received(&pb.WatchResponse{Header: at(revision), Created: true})
}

func (s *script) received(response *pb.WatchResponse) {
	s.watch.Entries = append(s.watch.Entries, history.Entry{At: s.now, Received: response})
	s.now += time.Millisecond
}

func at(revision int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: revision} }

// The end of a lease is answered with the revision of a put of unknown outcome that has just taken
// its only key: the revision is that of the put.
func TestLeaseEndsAfterAPutOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	h := newScript(3)
	h.do(1, &pb.LeaseGrantRequest{ID: 7, TTL: 3600},
		&pb.LeaseGrantResponse{Header: at(1), ID: 7, TTL: 3600})
	h.do(1, &pb.PutRequest{Key: []byte("/a"), Lease: 7}, &pb.PutResponse{Header: at(2)})
	h.do(2, &pb.PutRequest{Key: []byte("/a"), Value: []byte("free")}, nil)
	h.do(1, &pb.LeaseRevokeRequest{ID: 7}, &pb.LeaseRevokeResponse{Header: at(3)})
	h.watchAll(3)
	h.received(&pb.WatchResponse{Header: at(3), Events: []*mvccpb.Event{
		{Kv: &mvccpb.KeyValue{
			Key: []byte("/a"), Lease: 7, CreateRevision: 2, ModRevision: 2, Version: 1,
		}},
		{Kv: &mvccpb.KeyValue{
			Key: []byte("/a"), Value: []byte("free"), CreateRevision: 2, ModRevision: 3, Version: 2,
		}},
	}})
	if err := History(h.History, options()).Err(); err != nil {
		t.Error(err)
	}
}

// Two requests of unknown outcome would delete the same key, but one of them reads a compacted
// revision first, and so fails: the deletion is that of the other.
func TestOfTwoDeletionsOneReadsWhatIsCompacted(t *testing.T) {
	t.Parallel()
	h := newScript(3)
	deletion := &pb.DeleteRangeRequest{Key: []byte("/a")}
	h.do(1, &pb.PutRequest{Key: []byte("/a")}, &pb.PutResponse{Header: at(2)})
	h.watchAll(2)
	h.received(&pb.WatchResponse{Header: at(2), Events: []*mvccpb.Event{
		{Kv: &mvccpb.KeyValue{Key: []byte("/a"), CreateRevision: 2, ModRevision: 2, Version: 1}},
	}})
	h.do(1, &pb.CompactionRequest{Revision: 2}, &pb.CompactionResponse{Header: at(2)})
	h.do(2, &pb.TxnRequest{Success: []*pb.RequestOp{
		{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{
			Key: []byte("/a"), Revision: 1,
		}}},
		{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: deletion}},
	}}, nil)
	h.do(3, deletion, nil)
	h.received(&pb.WatchResponse{Header: at(3), Events: []*mvccpb.Event{
		{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte("/a"), ModRevision: 3}},
	}})
	h.do(1, &pb.RangeRequest{Key: []byte("/a")}, &pb.RangeResponse{Header: at(3)})
	if err := History(h.History, options()).Err(); err != nil {
		t.Error(err)
	}
}
