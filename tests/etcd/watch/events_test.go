package watch

import (
	"bytes"
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

func TestContentOfEvents(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(9, 1000)
	live, plain := watchstream.Open(t, c), watchstream.Open(t, c)
	request := prefix("k")
	request.PrevKv = true
	live.Create(request)
	plain.Create(prefix("k"))

	c.Put("k", "1")                                                              // 2
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("2"), Lease: 9}) // 3
	c.Put("k", "")                                                               // 4
	c.Delete("k", "")                                                            // 5
	c.Put("k", "3")                                                              // 6

	key := []byte("k")
	first := &mvccpb.KeyValue{
		Key:            key,
		Value:          []byte("1"),
		CreateRevision: 2,
		ModRevision:    2,
		Version:        1,
	}
	second := &mvccpb.KeyValue{
		Key:            key,
		Value:          []byte("2"),
		CreateRevision: 2,
		ModRevision:    3,
		Version:        2,
		Lease:          9,
	}
	third := &mvccpb.KeyValue{Key: key, CreateRevision: 2, ModRevision: 4, Version: 3}
	want := []*mvccpb.Event{
		{Type: mvccpb.Event_PUT, Kv: first},
		{Type: mvccpb.Event_PUT, Kv: second, PrevKv: first},
		{Type: mvccpb.Event_PUT, Kv: third, PrevKv: second},
		{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: key, ModRevision: 5}, PrevKv: third},
		{
			Type: mvccpb.Event_PUT,
			Kv: &mvccpb.KeyValue{
				Key:            key,
				Value:          []byte("3"),
				CreateRevision: 6,
				ModRevision:    6,
				Version:        1,
			},
		},
	}
	expect.Equal(t, "live events", live.Events(5), want)
	request.StartRevision = 2
	past := watchstream.Open(t, c)
	past.Create(request)
	expect.Equal(t, "events of the past", past.Events(5), want)
	for _, event := range want {
		event.PrevKv = nil
	}
	expect.Equal(t, "events without previous values", plain.Events(5), want)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	noPut, noDelete := pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NODELETE
	cases := []struct {
		name    string
		filters []pb.WatchCreateRequest_FilterType
		want    []string
	}{
		{"no filter", nil, []string{"put k@2", "put l@3", "delete k@3", "delete l@4", "put k@5"}},
		{
			"no puts",
			[]pb.WatchCreateRequest_FilterType{noPut},
			[]string{"delete k@3", "delete l@4"},
		},
		{
			"no deletes",
			[]pb.WatchCreateRequest_FilterType{noDelete},
			[]string{"put k@2", "put l@3", "put k@5"},
		},
		{
			"unknown filter",
			[]pb.WatchCreateRequest_FilterType{9},
			[]string{"put k@2", "put l@3", "delete k@3", "delete l@4", "put k@5"},
		},
	}
	request := func(i int, start int64) *pb.WatchCreateRequest {
		return &pb.WatchCreateRequest{
			Key:           []byte("a"),
			RangeEnd:      []byte("z"),
			StartRevision: start,
			Filters:       cases[i].filters,
		}
	}
	live := make([]*watchstream.Stream, len(cases))
	for i := range cases {
		live[i] = watchstream.Open(t, c)
		live[i].Create(request(i, 0))
	}
	nothing := watchstream.Open(t, c)
	nothing.Create(&pb.WatchCreateRequest{
		Key: []byte(
			"a",
		), RangeEnd: []byte("z"), Filters: []pb.WatchCreateRequest_FilterType{noPut, noDelete},
	})
	c.Put("k", "1")
	c.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("l", "1"), ops.Delete("k", ""))})
	c.Delete("l", "")
	c.Put("k", "2")
	for i, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			expect.Equal(t, "live events", brief(live[i].Events(len(test.want))), test.want)
			past := watchstream.Open(t, c)
			past.Create(request(i, 2))
			expect.Equal(t, "events of the past", brief(past.Events(len(test.want))), test.want)
		})
	}
	nothing.ProgressUntil(c.Revision())
}

// A transaction arrives whole, in the order of its operations, in one response.
func TestRevisionsAreAtomic(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	live := watchstream.Open(t, c)
	live.Create(prefix("k"))
	const rounds, size = 20, 100
	for round := range rounds {
		operations := []*pb.RequestOp{}
		for i := range size {
			operations = append(operations,
				ops.Put(fmt.Sprintf("k%d", (i*37+round)%size), fmt.Sprint(round)))
		}
		c.Txn(&pb.TxnRequest{Success: operations})
	}
	c.Delete("k", "l")
	past := watchstream.Open(t, c)
	request := prefix("k")
	request.StartRevision = 2
	past.Create(request)
	for name, stream := range map[string]*watchstream.Stream{"live": live, "past": past} {
		sizes := map[int64]int{}
		for last := int64(1); last < rounds+2; {
			response := stream.NextEvents()
			for _, event := range response.Events {
				expect.True(t, event.Kv.ModRevision > last,
					"%s: revision %d is split over responses", name, event.Kv.ModRevision)
				if round := int(event.Kv.ModRevision) - 2; round < rounds {
					key := fmt.Sprintf("k%d", (sizes[event.Kv.ModRevision]*37+round)%size)
					expect.Equal(t, name+": key in the order of the transaction",
						string(event.Kv.Key), key)
				}
				sizes[event.Kv.ModRevision]++
			}
			last = response.Events[len(response.Events)-1].Kv.ModRevision
		}
		for revision := int64(2); revision <= rounds+2; revision++ {
			expect.Equal(t, fmt.Sprintf("%s: events of revision %d", name, revision),
				sizes[revision], size)
		}
	}
}

// A delete of many large keys is one revision whose events with their previous values are far
// larger than a response should be: with fragments it comes in parts, without it comes whole.
func TestFragments(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	const keys, size = 12, 1 << 20
	whole, parts := watchstream.Open(t, c), watchstream.Open(t, c)
	request := prefix("k")
	request.PrevKv = true
	whole.Create(request)
	fragmented := prefix("k")
	fragmented.PrevKv, fragmented.Fragment = true, true
	parts.Create(fragmented)
	value := bytes.Repeat([]byte("v"), size)
	for i := range keys {
		c.PutRequest(&pb.PutRequest{Key: fmt.Appendf(nil, "k%02d", i), Value: value})
		expect.Equal(t, "put in the plain watch", len(whole.NextEvents().Events), 1)
		put := parts.NextEvents()
		expect.Equal(t, "put in the fragmented watch", len(put.Events), 1)
		expect.Equal(t, "fragment", put.Fragment, false)
	}
	revision := c.Delete("k", "l").Header.Revision
	verify := func(t *testing.T, events []*mvccpb.Event) {
		t.Helper()
		expect.Equal(t, "events", len(events), keys)
		for i, event := range events {
			expect.Equal(t, "key", string(event.Kv.Key), fmt.Sprintf("k%02d", i))
			expect.True(t, bytes.Equal(event.PrevKv.GetValue(), value),
				"previous value of event %d is wrong", i)
		}
	}
	verify(t, whole.NextEvents().Events)
	past := watchstream.Open(t, c)
	for name, stream := range map[string]*watchstream.Stream{"live": parts, "past": past} {
		if name == "past" {
			fragmented.StartRevision = revision
			stream.Create(fragmented)
		}
		events, fragments := []*mvccpb.Event{}, 0
		for more := true; more; fragments++ {
			response := stream.NextEvents()
			expect.True(t, proto.Size(response) < 4<<20, "%s: a fragment has %d bytes", name,
				proto.Size(response))
			expect.Equal(t, name+": header revision", response.Header.Revision, revision)
			events, more = append(events, response.Events...), response.Fragment
		}
		expect.True(t, fragments > 2, "%s: only %d fragments", name, fragments)
		verify(t, events)
	}
}

func TestPutAndDeleteOfOneKeyInOneRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "old")
	live := watchstream.Open(t, c)
	live.Create(prefix("k"))
	c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("k", "new"))}),
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Delete("k", ""))}))})
	past := watchstream.Open(t, c)
	request := prefix("k")
	request.StartRevision = 3
	past.Create(request)
	expect.Equal(t, "live events", brief(live.NextEvents().Events),
		[]string{"put k@3", "delete k@3"})
	expect.Equal(t, "events of the past", brief(past.NextEvents().Events),
		[]string{"put k@3", "delete k@3"})
}
