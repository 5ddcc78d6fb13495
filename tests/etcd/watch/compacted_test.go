package watch

import (
	"fmt"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

func TestCompactedStart(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for range 9 {
		c.Put("k", "v") // 2 to 10
	}
	c.Compact(7)
	for _, start := range []int64{1, 2, 6} {
		stream := watchstream.Open(t, c)
		request := prefix("k")
		request.StartRevision, request.PrevKv = start, true
		created := stream.Create(request)
		expect.Equal(t, "answer", created.Created && !created.Canceled, true)
		canceled := stream.Next()
		expect.Equal(t, "canceled", canceled.Canceled, true)
		expect.Equal(t, "compact revision", canceled.CompactRevision, 7)
		expect.Equal(t, "watch id", canceled.WatchId, created.WatchId)
		expect.Equal(t, "events with the cancellation", len(canceled.Events), 0)
		expect.Equal(t, "reason", canceled.CancelReason, "")
		// The stream lives on, and nothing of the canceled watch follows.
		c.Put("beside", "v")
		expect.Equal(t, "next answer", stream.Create(prefix("k")).Created, true)
	}
	stream := watchstream.Open(t, c)
	request := prefix("k")
	request.StartRevision = 7
	stream.Create(request)
	expect.Equal(t, "events from the compacted revision on", brief(stream.Events(4)),
		[]string{"put k@7", "put k@8", "put k@9", "put k@10"})
}

// Compacting to the revision of a delete keeps its event.
func TestDeleteAtTheCompactedRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1")   // 2
	c.Put("b", "1")   // 3
	c.Delete("a", "") // 4
	c.Put("b", "2")   // 5
	c.Compact(4)
	stream := watchstream.Open(t, c)
	stream.Create(
		&pb.WatchCreateRequest{
			Key:           []byte("a"),
			RangeEnd:      []byte("z"),
			StartRevision: 4,
			PrevKv:        true,
		},
	)
	events := stream.Events(2)
	expect.Equal(t, "events", brief(events), []string{"delete a@4", "put b@5"})
	expect.Equal(t, "previous value of the put", string(events[1].PrevKv.GetValue()), "1")
}

// A watch that starts at the compacted revision gets the changes of that revision without previous
// values, since these are below what can be read; kube-apiserver takes that for a start that is too
// old. Later events have them.
func TestPreviousValuesAtTheCompactedRevision(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	c.Put("k", "1")                                                                   // 2
	c.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("k", "2"), ops.Put("kn", "1"))})   // 3
	c.Txn(&pb.TxnRequest{Success: ops.List(ops.Delete("kn", ""), ops.Put("k", "3"))}) // 4
	c.Put("k", "4")                                                                   // 5
	c.Compact(4)
	check := func(when string) {
		stream := watchstream.Open(t, s.Client(t))
		request := prefix("k")
		request.StartRevision, request.PrevKv = 4, true
		stream.Create(request)
		got := []string{}
		for _, event := range stream.Events(3) {
			got = append(got, fmt.Sprintf("%s before=%q", brief([]*mvccpb.Event{event})[0],
				event.PrevKv.GetValue()))
		}
		expect.Equal(t, "events "+when, got, []string{
			`delete kn@4 before=""`, `put k@4 before=""`, `put k@5 before="3"`,
		})
	}
	check("while all is in memory")
	s.Stop()
	s.Restart()
	check("after a restart")
}

// What happened at the compacted revision itself can still be watched, whatever came before or
// after. A put that the same revision deleted again is not promised: etcd forgets it once the rows
// are gone, and so does a store that was restarted.
func TestEventsOfTheCompactedRevision(t *testing.T) {
	t.Parallel()
	put, del := ops.Put, ops.Delete
	nested := func(operation *pb.RequestOp) *pb.RequestOp {
		return ops.Txn(&pb.TxnRequest{Success: ops.List(operation)})
	}
	cases := []struct {
		name string
		// at is the transaction whose revision is compacted; after are the ones that follow.
		at    []*pb.RequestOp
		after [][]*pb.RequestOp
		want  []string
		// unpromised may come or not.
		unpromised string
	}{
		{"a put", ops.List(put("k1", "v")), nil, []string{"put k1@3"}, ""},
		{"a delete", ops.List(del("k1", "")), nil, []string{"delete k1@3"}, ""},
		{
			"a delete of a range, all made again",
			ops.List(del("k", "l")), [][]*pb.RequestOp{ops.List(put("k1", "v"), put("k2", "v"))},
			[]string{"delete k1@3", "delete k2@3", "delete k3@3", "put k1@4", "put k2@4"}, "",
		},
		{
			"a put and a delete, both changed later",
			ops.List(put("k1", "v"), del("k2", "")),
			[][]*pb.RequestOp{
				ops.List(put("k1", "w")), ops.List(put("k2", "w")), ops.List(del("k", "l")),
			},
			[]string{
				"put k1@3", "delete k2@3", "put k1@4", "put k2@5", "delete k1@6", "delete k2@6",
				"delete k3@6",
			}, "",
		},
		{
			"a delete before a put",
			ops.List(del("k2", ""), put("k1", "v"), put("k4", "v")), nil,
			[]string{"delete k2@3", "put k1@3", "put k4@3"}, "",
		},
		{
			"a put and a delete of one key",
			ops.List(nested(put("k1", "v")), nested(del("k1", ""))), nil,
			[]string{"delete k1@3"}, "put k1@3",
		},
		{
			"a put and a delete of a new key, and another put",
			ops.List(put("k1", "v"), nested(put("k9", "v")), nested(del("k9", ""))), nil,
			[]string{"put k1@3", "delete k9@3"}, "put k9@3",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c := server.Start(t).Client(t)
			c.Txn(&pb.TxnRequest{Success: ops.List(put("k1", "o"), put("k2", "o"), put("k3", "o"))})
			revision := c.Txn(&pb.TxnRequest{Success: test.at}).Header.Revision
			for _, operations := range test.after {
				c.Txn(&pb.TxnRequest{Success: operations})
			}
			c.Compact(revision)
			stream := watchstream.Open(t, c)
			request := prefix("k")
			request.StartRevision = revision
			stream.Create(request)
			c.Put("kz", "end")
			got := []string{}
			for len(got) == 0 || got[len(got)-1] != fmt.Sprintf("put kz@%d", c.Revision()) {
				got = append(got, brief(stream.NextEvents().Events)...)
			}
			got = slices.DeleteFunc(got, func(event string) bool { return event == test.unpromised })
			expect.Equal(t, "events", got[:len(got)-1], test.want)
		})
	}
}
