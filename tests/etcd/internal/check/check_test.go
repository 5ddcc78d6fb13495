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

// The end of a lease is answered with the revision of a put of unknown outcome that has just taken
// its only key: the revision is that of the put.
func TestLeaseEndsAfterAPutOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	h := &history.History{Final: 3}
	now := time.Duration(0)
	do := func(client int, request, reply proto.Message) {
		o := &history.Operation{
			Client: client, Call: now, Return: now + time.Millisecond, Request: request, Reply: reply,
		}
		if reply == nil {
			o.Return = history.Never
		}
		now += 2 * time.Millisecond
		h.Operations = append(h.Operations, o)
	}
	at := func(revision int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: revision} }
	do(1, &pb.LeaseGrantRequest{ID: 7, TTL: 3600},
		&pb.LeaseGrantResponse{Header: at(1), ID: 7, TTL: 3600})
	do(1, &pb.PutRequest{Key: []byte("/a"), Lease: 7}, &pb.PutResponse{Header: at(2)})
	do(2, &pb.PutRequest{Key: []byte("/a"), Value: []byte("free")}, nil)
	do(1, &pb.LeaseRevokeRequest{ID: 7}, &pb.LeaseRevokeResponse{Header: at(3)})
	watch := &history.Stream{Name: "all"}
	h.Streams = append(h.Streams, watch)
	received := func(response *pb.WatchResponse) {
		response.Header = at(3)
		watch.Entries = append(watch.Entries, history.Entry{At: now, Received: response})
		now += time.Millisecond
	}
	watch.Entries = append(watch.Entries, history.Entry{At: now, Sent: &pb.WatchRequest{
		RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1,
		}},
	}})
	received(&pb.WatchResponse{Created: true})
	received(&pb.WatchResponse{Events: []*mvccpb.Event{
		{Kv: &mvccpb.KeyValue{
			Key: []byte("/a"), Lease: 7, CreateRevision: 2, ModRevision: 2, Version: 1,
		}},
		{Kv: &mvccpb.KeyValue{
			Key: []byte("/a"), Value: []byte("free"), CreateRevision: 2, ModRevision: 3, Version: 2,
		}},
	}})
	if err := History(h, options()).Err(); err != nil {
		t.Error(err)
	}
}
