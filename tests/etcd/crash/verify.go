package crash

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// verify compares the server, which was restarted or has gone on, with what was acknowledged. No
// client runs meanwhile, but leases may expire, and what is owed by the storage is waited for.
func (r *run) verify() {
	r.t.Helper()
	c := r.server.Client(r.t)
	before := leases(r.t, c)
	revision := c.Revision()
	expect.True(r.t, revision >= r.log.Last(), "revision %d after the kill, %d was acknowledged",
		revision, r.log.Last())
	expect.True(r.t, revision >= r.highest.Load(),
		"revision %d after the kill, a client has seen %d", revision, r.highest.Load())
	stream := r.resume(c)
	defer stream.Close()
	for r.lastEvent() < revision {
		r.next(stream)
	}
	r.settleDoubts()
	for len(r.parent.owed) > 0 {
		r.resolveDoubts(r.next(stream))
	}
	replayed, state, err := r.log.Replay()
	expect.OK(r.t, err)
	r.compareEvents(replayed)
	everything := c.Range(&pb.RangeRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, Revision: r.lastEvent(),
	})
	after := leases(r.t, c)
	shortenValues(everything.Kvs...)
	kvs := append([]*mvccpb.KeyValue{}, everything.Kvs...) // an empty range has none at all
	expect.Equal(r.t, "keys after the kill", kvs, state.Sorted())
	expect.OK(r.t, r.lessee.check(before, after, state))
}

func leases(t testing.TB, c *server.Client) map[int64]bool {
	response, err := c.Lease.LeaseLeases(server.Context(t), &pb.LeaseLeasesRequest{})
	expect.OK(t, err)
	ids := map[int64]bool{}
	for _, lease := range response.Leases {
		ids[lease.ID] = true
	}
	return ids
}

// resume goes on with the watch after the last event that was seen.
func (r *run) resume(c *server.Client) *watchstream.Stream {
	stream := watchstream.Open(r.t, c)
	stream.Create(&pb.WatchCreateRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: r.lastEvent() + 1, PrevKv: true,
	})
	return stream
}

// next adds the events of one response, and returns them.
func (r *run) next(stream *watchstream.Stream) []*mvccpb.Event {
	events := stream.NextEvents().Events
	shortenEvents(events)
	r.events = append(r.events, events...)
	r.watched.Store(r.lastEvent())
	return events
}

// settleDoubts decides of every change under way whether it happened.
func (r *run) settleDoubts() {
	doubtful, forgotten := 0, 0
	for _, client := range r.changers {
		if client.inDoubt() {
			doubtful++
		}
	}
	r.resolveDoubts(r.events)
	for _, client := range r.changers {
		if client.inDoubt() { // no event has it
			client.forget()
			forgotten++
		}
	}
	r.totals.doubtful += doubtful
	r.totals.happened += doubtful - forgotten
}

// resolveDoubts finds the revisions that nobody was told of: each has to be one whole change that
// was under way, the end of a lease, or a step of the collection of garbage.
func (r *run) resolveDoubts(events []*mvccpb.Event) {
	byRevision, order := map[int64][]*mvccpb.Event{}, []int64{}
	for _, event := range events {
		revision := event.Kv.ModRevision
		if r.log.Has(revision) {
			continue
		}
		if byRevision[revision] == nil {
			order = append(order, revision)
		}
		byRevision[revision] = append(byRevision[revision], event)
	}
	for _, revision := range order {
		if !r.resolve(revision, byRevision[revision]) {
			r.t.Errorf("revision %d is no whole change of any client: %v", revision,
				byRevision[revision])
		}
	}
}

func (r *run) resolve(revision int64, events []*mvccpb.Event) bool {
	for _, client := range r.changers {
		found, err := client.resolve(revision, events)
		expect.OK(r.t, err)
		if found {
			return true
		}
	}
	return false
}

// compareEvents checks that the watch got what was acknowledged: no gap, nothing twice, right
// previous values.
func (r *run) compareEvents(replayed []*mvccpb.Event) {
	expect.Equal(r.t, "number of events", len(r.events), len(replayed))
	for i := range min(len(r.events), len(replayed)) {
		if !proto.Equal(r.events[i], replayed[i]) {
			r.t.Fatalf("event %d of the watch is\n%v, acknowledged was\n%v", i, r.events[i],
				replayed[i])
		}
	}
}
