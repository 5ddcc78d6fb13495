// Package watch tests the Watch call of the etcd API on the wire: every form of create, cancel and
// progress, and the promises that no event is lost, doubled, split or out of order.
package watch

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

func prefix(p string) *pb.WatchCreateRequest {
	end := []byte(p)
	end[len(end)-1]++
	return &pb.WatchCreateRequest{Key: []byte(p), RangeEnd: end}
}

// brief writes events as "put key@revision" and "delete key@revision".
func brief(events []*mvccpb.Event) []string {
	lines := []string{}
	for _, event := range events {
		word := "put"
		if event.Type == mvccpb.Event_DELETE {
			word = "delete"
		}
		lines = append(lines, fmt.Sprintf("%s %s@%d", word, event.Kv.Key, event.Kv.ModRevision))
	}
	return lines
}

func TestCreated(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	header := c.Put("k", "v").Header
	stream := watchstream.Open(t, c)
	for id := range int64(3) {
		created := stream.Create(prefix("k"))
		expect.Equal(t, "answer", created,
			&pb.WatchResponse{Header: header, WatchId: id, Created: true})
	}
	other := watchstream.Open(t, c)
	expect.Equal(t, "first id of another stream", other.Create(prefix("k")).WatchId, 0)
}

func TestStartRevisions(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k/a", "1")                                                                    // 2
	c.Put("k/b", "1")                                                                    // 3
	c.Put("other", "1")                                                                  // 4
	c.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("k/c", "1"), ops.Delete("k/a", ""))}) // 5
	c.Put("k/a", "2")                                                                    // 6
	c.Compact(3)
	all := []string{"put k/b@3", "put k/c@5", "delete k/a@5", "put k/a@6"}
	for start, want := range map[int64][]string{3: all, 4: all[1:], 5: all[1:], 6: all[3:]} {
		t.Run(fmt.Sprintf("from %d", start), func(t *testing.T) {
			stream := watchstream.Open(t, c)
			request := prefix("k/")
			request.StartRevision = start
			created := stream.Create(request)
			expect.Equal(t, "created", created.Created && !created.Canceled, true)
			expect.Equal(t, "events", brief(stream.Events(len(want))), want)
		})
	}
	now, next := watchstream.Open(t, c), watchstream.Open(t, c)
	now.Create(prefix("k/"))
	request := prefix("k/")
	request.StartRevision = 7
	next.Create(request)
	c.Put("k/d", "1")
	expect.Equal(t, "events from now", brief(now.Events(1)), []string{"put k/d@7"})
	expect.Equal(t, "events from the next revision", brief(next.Events(1)), []string{"put k/d@7"})
}

// A watch that starts in the future gets nothing that is older, and no progress before its start.
func TestFutureStart(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "1") // 2
	stream := watchstream.Open(t, c)
	request := prefix("k")
	request.StartRevision, request.ProgressNotify = 6, true
	created := stream.Create(request)
	expect.Equal(t, "answer", created.Created && !created.Canceled, true)
	expect.Equal(t, "revision of the answer", created.Header.Revision, 2)
	for range 3 {
		c.Put("k", "early") // 3, 4, 5
		stream.SendProgress()
	}
	// A watch of the same stream without a start gets an ordinary progress response while ours gets
	// none: two of them prove that the timer of the server fired in between.
	witness := watchstream.Open(t, c)
	witnessed := prefix("k")
	witnessed.ProgressNotify = true
	witness.Create(witnessed)
	witness.NextProgress()
	witness.NextProgress()
	c.Put("k", "due")   // 6
	c.Put("k", "later") // 7
	first := stream.Next()
	if watchstream.IsProgress(first) {
		t.Fatalf("progress of a watch that starts at 6, before its first event: %v", first)
	}
	events := first.Events // one response may have both
	if len(events) == 1 {
		events = append(events, stream.NextEvents().Events...)
	}
	expect.Equal(t, "events", brief(events), []string{"put k@6", "put k@7"})
}

// A watch that is refused is answered with created and canceled at once, with watch id -1 and the
// reason.
func TestRefusedCreate(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	header := c.Put("k", "v").Header
	stream := watchstream.Open(t, c)
	stream.Create(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 17})
	cases := []struct {
		name    string
		request *pb.WatchCreateRequest
		reason  string
	}{
		{"negative start", &pb.WatchCreateRequest{Key: []byte("k"), StartRevision: -1},
			"etcdserver: mvcc: required revision has been compacted"},
		{
			"end before the key",
			&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("a")},
			"mvcc: watcher range is empty",
		},
		{
			"end equal to the key",
			&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("k")},
			"mvcc: watcher range is empty",
		},
		{
			"id in use",
			&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 17},
			"mvcc: duplicate watch ID provided on the WatchStream",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			expect.Equal(t, "answer", stream.Create(test.request), &pb.WatchResponse{
				Header: header, WatchId: -1, Created: true, Canceled: true, CancelReason: test.reason,
			})
		})
	}
	c.Put("k", "w")
	response := stream.NextEvents()
	expect.Equal(t, "id of the watch that is left", response.WatchId, 17)
	expect.Equal(t, "its events", brief(response.Events), []string{"put k@3"})
}

func TestRanges(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	cases := []struct {
		name, key, end string
		want           []string
	}{
		{"one key", "b", "", []string{"put b@4"}},
		{"a range", "a", "b/", []string{"put a@3", "put b@4"}},
		{"a prefix", "b/", "b0", []string{"put b/1@5"}},
		{"from a key on", "b/", "\x00", []string{"put b/1@5", "put c@6"}},
		{
			"everything",
			"\x00",
			"\x00",
			[]string{"put \x00@2", "put a@3", "put b@4", "put b/1@5", "put c@6"},
		},
		{"an empty key with no end is the key of one zero byte", "", "", []string{"put \x00@2"}},
		{
			"an empty key with an end starts at the first key",
			"",
			"b",
			[]string{"put \x00@2", "put a@3"},
		},
		{
			"an empty key without end is everything",
			"",
			"\x00",
			[]string{"put \x00@2", "put a@3", "put b@4", "put b/1@5", "put c@6"},
		},
	}
	live := make([]*watchstream.Stream, len(cases))
	for i, test := range cases {
		live[i] = watchstream.Open(t, c)
		live[i].Create(&pb.WatchCreateRequest{Key: []byte(test.key), RangeEnd: []byte(test.end)})
	}
	for _, key := range []string{"\x00", "a", "b", "b/1", "c"} {
		c.Put(key, "v")
	}
	for i, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			expect.Equal(t, "live events", brief(live[i].Events(len(test.want))), test.want)
			late := watchstream.Open(t, c)
			late.Create(
				&pb.WatchCreateRequest{
					Key:           []byte(test.key),
					RangeEnd:      []byte(test.end),
					StartRevision: 1,
				},
			)
			expect.Equal(t, "events of the past", brief(late.Events(len(test.want))), test.want)
		})
	}
}

func TestClientPickedIds(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	steps := []struct{ ask, want int64 }{
		{0, 0}, {2, 2}, {0, 1}, {0, 3}, {1000, 1000}, {-5, -5}, {0, 4},
	}
	for _, step := range steps {
		created := stream.Create(
			&pb.WatchCreateRequest{Key: fmt.Appendf(nil, "k%d", step.want), WatchId: step.ask})
		expect.Equal(t, fmt.Sprintf("id when asked for %d", step.ask), created.WatchId, step.want)
	}
	c.Put("k1000", "v")
	expect.Equal(t, "id with the event", stream.NextEvents().WatchId, 1000)
	stream.SendCancel(1000)
	expect.Equal(t, "canceled", stream.Next().Canceled, true)
	again := stream.Create(&pb.WatchCreateRequest{Key: []byte("k1000"), WatchId: 1000})
	expect.Equal(t, "id used again", again.WatchId, 1000)
	expect.Equal(t, "canceled", again.Canceled, false)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	header := c.Put("k", "v").Header
	stream := watchstream.Open(t, c)
	first, second := stream.Create(prefix("k")).WatchId, stream.Create(prefix("k")).WatchId
	stream.SendCancel(first)
	expect.Equal(t, "answer", stream.Next(),
		&pb.WatchResponse{Header: header, WatchId: first, Canceled: true})
	// To cancel what does not exist, or no longer, has no answer; a request without content
	// neither.
	stream.SendCancel(first)
	stream.SendCancel(4711)
	stream.SendEmpty()
	third := stream.Create(prefix("x"))
	expect.Equal(t, "the answer after them", third.Created && !third.Canceled, true)
	c.Put("k", "w")
	response := stream.NextEvents()
	expect.Equal(t, "watch with the event", response.WatchId, second)
	c.Put("x", "w")
	expect.Equal(t, "watch with the next event", stream.NextEvents().WatchId, third.WatchId)
}
