package watch

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// putMany writes one transaction of 128 keys and returns its revision.
func putMany(c *server.Client, prefix string, value []byte) int64 {
	operations := []*pb.RequestOp{}
	for i := range 128 {
		operations = append(
			operations,
			ops.PutRequest(
				&pb.PutRequest{Key: fmt.Appendf(nil, "%s%03d", prefix, i), Value: value}),
		)
	}
	return c.Txn(&pb.TxnRequest{Success: operations}).Header.Revision
}

// A reader that does not read for 100,000 events holds up nobody else, and then gets every one of
// them.
func TestSlowReaderGetsEverything(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	slow, quick := watchstream.Open(t, s.Client(t)), watchstream.Open(t, c)
	slow.Create(prefix("k"))
	quick.Create(prefix("q"))
	const transactions = 800
	value := bytes.Repeat([]byte("v"), 100)
	slowest := time.Duration(0)
	for i := range transactions {
		putMany(c, "k", value)
		if i%20 == 0 {
			began := time.Now()
			revision := c.Put("q", "v").Header.Revision
			expect.Equal(t, "event of the quick reader",
				quick.NextEvents().Events[0].Kv.ModRevision, revision)
			slowest = max(slowest, time.Since(began))
		}
	}
	expect.True(t, slowest < 5*time.Second, "an event took %v while another reader was slow",
		slowest)
	sizes := map[int64]int{}
	last := int64(0)
	for received := 0; received < transactions*128; {
		response := slow.NextEvents()
		expect.True(t, response.Events[0].Kv.ModRevision > last, "revision %d after %d",
			response.Events[0].Kv.ModRevision, last)
		for _, event := range response.Events {
			revision := event.Kv.ModRevision
			if revision < last || string(event.Kv.Key) != fmt.Sprintf("k%03d", sizes[revision]) {
				t.Fatalf("event of %s@%d is out of order", event.Kv.Key, revision)
			}
			sizes[revision]++
			last = revision
		}
		received += len(response.Events)
	}
	expect.Equal(t, "revisions", len(sizes), transactions)
	for revision, size := range sizes {
		expect.Equal(t, fmt.Sprintf("events of revision %d", revision), size, 128)
	}
}

// When compaction passes a reader that has not read, it gets a part without a gap and then the
// cancellation with the compacted revision, or everything; never a part and then silence, and never
// a gap.
func TestCompactionPassesASlowReader(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	slow := watchstream.Open(t, s.Client(t))
	request := prefix("k")
	request.PrevKv = true
	slow.Create(request)
	const transactions = 300
	value := bytes.Repeat([]byte("v"), 4000)
	revision := int64(0)
	for range transactions {
		revision = putMany(c, "k", value) // half a megabyte, twice that with the previous values
	}
	c.Compact(revision)
	next, whole := int64(2), 0
	for {
		response := slow.Next()
		if response.Canceled {
			expect.Equal(t, "compact revision", response.CompactRevision, revision)
			break
		}
		for _, event := range response.Events {
			expect.Equal(t, "revision of the event", event.Kv.ModRevision, next)
			if whole++; whole == 128 {
				next, whole = next+1, 0
			}
		}
		if next > revision {
			break
		}
	}
	t.Logf("the reader got %d of %d revisions", next-2, transactions)
	expect.Equal(t, "events of the last revision that came", whole, 0)
}

// A watch that keeps up is not touched by compaction to the current revision.
func TestCompactionLeavesSyncedWatchesAlone(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	request := prefix("k")
	request.PrevKv = true
	stream.Create(request)
	for i := range 50 {
		revision := c.Put("k", fmt.Sprint(i)).Header.Revision
		event := stream.NextEvents().Events[0]
		expect.Equal(t, "revision", event.Kv.ModRevision, revision)
		if i > 0 {
			expect.Equal(t, "previous value", string(event.PrevKv.GetValue()), fmt.Sprint(i-1))
		}
		c.Compact(revision)
	}
	c.Delete("k", "")
	deleted := stream.NextEvents().Events[0]
	expect.Equal(t, "previous value of the delete", string(deleted.PrevKv.GetValue()), "49")
}
