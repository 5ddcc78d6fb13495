package takeover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/pair"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
	"kubase/tests/etcd/internal/watchstream"
)

// roundTrip is what a step to the database takes while commits are to be slow.
const roundTrip = 5 * time.Millisecond

// The leader is stopped at each place of a write: before its transaction, in it, with the rows of the
// database locked, and between its commit and the moment when others are told (kine 0ec37c6). The
// other one takes over all the same, no revision is used twice or stepped back over, and what the
// first one says when it goes on is true.
func TestKine0ec37c6LeaderStopsInAWrite(t *testing.T) {
	for _, place := range []string{
		"taken", "begun", "applied", "history-flushed", "objects-flushed", "meta-written",
		"committed", "published", "answered",
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			stopInAWrite(t, "writer."+place)
		})
	}
}

func stopInAWrite(t *testing.T, place string) {
	const writes = 5 // before the one in which it stops
	p := pair.Start(t, server.Options{
		Env: []string{fmt.Sprintf("KUBASE_FAILPOINTS=%s=stop@%d", place, writes+1)},
	})
	c := p.Leader.Client(t)
	last := c.Put("/k/k", "first").Header.Revision
	late := newLateClients(t, p.Leader)
	for i := range writes - 1 {
		last = c.Put("/k/k", fmt.Sprint(i)).Header.Revision
	}
	unanswered := make(chan *pb.PutResponse, 1)
	go func() {
		response, _ := c.KV.Put(server.Context(t), // an error is an outcome as well
			&pb.PutRequest{Key: []byte("/k/k"), Value: []byte("unanswered")})
		unanswered <- response
	}()
	for deadline := time.Now().Add(takeover); !p.Leader.Frozen(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s was never reached", place)
		}
	}
	put := outage.PutWhenPossible(t, p.Standby.Client(t), "/k/other", takeover)
	late.send(put.Header.Revision)
	happened := string(p.Standby.Client(t).Get("/k/k").Kvs[0].Value) == "unanswered"
	if want := last + 1; happened {
		expect.Equal(t, "revision of the first write after one that happened",
			put.Header.Revision, want+1)
	} else {
		expect.Equal(t, "revision of the first write", put.Header.Revision, want)
	}
	p.Leader.Thaw()
	late.check()
	p.Swap(adoption)
	final := p.Standby.Client(t).Put("/k/k", "last").Header.Revision
	values := outage.WatchEverything(t, p.Leader).ExpectUntil(final)
	if response := <-unanswered; response != nil {
		expect.Equal(t, "value of the revision that who was stopped answered with",
			values[response.Header.Revision], "unanswered")
	}
}

// With clients on both servers, whoever lists at one and watches at the other from the next revision
// on misses nothing while commits are slow.
func TestKine676And391ListThenWatchOfTwoServers(t *testing.T) {
	proxy := tcpproxy.Start(t, server.DatabaseAddress())
	p := pair.Start(t, server.Options{DatabaseAddress: proxy.Address()})
	proxy.SetDelay(roundTrip)
	const writers, puts, listers = 16, 30, 12
	servers := []*server.Server{p.Leader, p.Standby}
	var group sync.WaitGroup
	for w := range writers {
		c := servers[w%2].Client(t)
		group.Go(func() {
			for i := range puts {
				_, err := c.KV.Put(server.Context(t), &pb.PutRequest{
					Key: fmt.Appendf(nil, "/k/%02d/%d", w, i%5), Value: []byte("v"),
				})
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
			}
		})
	}
	all := &pb.RangeRequest{Key: []byte("/"), RangeEnd: []byte("0")}
	lists, streams := []*pb.RangeResponse{}, []*watchstream.Stream{}
	for i := range listers {
		list := servers[i%2].Client(t).Range(all)
		stream := watchstream.Open(t, servers[1-i%2].Client(t))
		stream.Create(&pb.WatchCreateRequest{
			Key: all.Key, RangeEnd: all.RangeEnd, StartRevision: list.Header.Revision + 1,
		})
		lists, streams = append(lists, list), append(streams, stream)
	}
	group.Wait()
	final := p.Standby.Client(t).Range(all)
	expect.Equal(t, "last revision", final.Header.Revision, writers*puts+1)
	watchstream.ExpectLists(t, lists, streams, final)
}

// Clients of both servers change the same keys if they are as they were read; many are not. None of
// the transactions that came to nothing leaves a gap.
func TestKine759And82ConflictsOfTwoServersLeaveNoGaps(t *testing.T) {
	p := pair.Start(t, server.Options{})
	var succeeded, refused atomic.Int64
	var group sync.WaitGroup
	for w := range 16 {
		s := p.Leader
		if w%2 == 1 {
			s = p.Standby
		}
		c, random := s.Client(t), rand.New(rand.NewPCG(1, uint64(w)))
		group.Go(func() {
			for range 60 {
				changed, err := increment(server.Context(t), c, fmt.Sprintf("/k/%d", random.IntN(3)))
				switch {
				case err != nil:
					t.Errorf("transaction: %v", err)
					return
				case changed:
					succeeded.Add(1)
				default:
					refused.Add(1)
				}
			}
		})
	}
	group.Wait()
	revision := p.Standby.Client(t).Revision()
	expect.Equal(t, "revision", revision, succeeded.Load()+1)
	outage.WatchEverything(t, p.Standby).ExpectUntil(revision)
	expect.True(t, refused.Load() > 100, "only %d writes were refused", refused.Load())
	t.Logf("%d writes, %d in conflict", succeeded.Load(), refused.Load())
}

// increment changes a key if it is as it was read.
func increment(ctx context.Context, c *server.Client, key string) (bool, error) {
	got, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte(key)})
	if err != nil {
		return false, err
	}
	seen := int64(0)
	if len(got.Kvs) > 0 {
		seen = got.Kvs[0].ModRevision
	}
	response, err := c.KV.Txn(ctx, &pb.TxnRequest{
		Compare: ops.If(ops.Compare(key, "", pb.Compare_MOD, pb.Compare_EQUAL, seen)),
		Success: ops.List(ops.Put(key, "v")),
	})
	if err != nil {
		return false, err
	}
	return response.Succeeded, nil
}
