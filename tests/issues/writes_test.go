package issues

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/diskfaults"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
	"kubase/tests/etcd/internal/watchstream"
)

// While commits are slow, who lists and then watches from the next revision on misses nothing: a
// list at a revision has all of it.
func TestKine676And391ListThenWatch(t *testing.T) {
	t.Parallel()
	s := startSlow(t, 15*time.Millisecond)
	const writers, puts, listers = 16, 40, 12
	var group sync.WaitGroup
	for w := range writers {
		c := s.Client(t)
		group.Go(func() {
			for i := range puts {
				key := fmt.Sprintf("/k/%02d/%d", w, i%5)
				_, err := c.KV.Put(server.Context(t),
					&pb.PutRequest{Key: []byte(key), Value: []byte(fmt.Sprint(i))})
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
			}
		})
	}
	c := s.Client(t)
	lists, streams := []*pb.RangeResponse{}, []*watchstream.Stream{}
	for range listers {
		list := c.Range(everything())
		stream := watchstream.Open(t, c)
		stream.Create(watchAll(list.Header.Revision + 1))
		lists, streams = append(lists, list), append(streams, stream)
		time.Sleep(40 * time.Millisecond)
	}
	group.Wait()
	final := c.Range(everything())
	expect.Equal(t, "last revision", final.Header.Revision, writers*puts+1)
	watchstream.ExpectLists(t, lists, streams, final)
}

// startSlow starts a server whose commits take a while longer; an etcd as it is.
func startSlow(t *testing.T, by time.Duration) *server.Server {
	kind := server.UnderTest(t)
	if kind.Name != "kubase" {
		return server.StartKind(t, kind)
	}
	if !server.IsSQLite() {
		proxy := tcpproxy.Start(t, server.DatabaseAddress())
		s := server.StartWith(t, kind, server.Options{DatabaseAddress: proxy.Address()})
		proxy.SetDelay(by / 2) // each way
		return s
	}
	disk := diskfaults.New(t)
	s := server.StartWith(t, kind, server.Options{Env: disk.Env()})
	disk.Set(diskfaults.Fault{Call: diskfaults.Sync, Action: diskfaults.Late(by), First: 1})
	return s
}

// With every third write in conflict the revisions have no gaps, and nobody waits for one to be
// filled: each event comes within a second of its write.
func TestKine759And82ConflictsLeaveNoGaps(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	stream := watchstream.Open(t, s.Client(t))
	stream.Create(watchAll(0))
	var succeeded, refused atomic.Int64
	written := sync.Map{}
	var group sync.WaitGroup
	for w := range 8 {
		c, random := s.Client(t), rand.New(rand.NewPCG(1, uint64(w)))
		group.Go(func() {
			for range 100 {
				key := fmt.Sprintf("k%d", random.IntN(20))
				at, ok := updateOnce(t, c, key, random.IntN(3) == 0)
				if !ok {
					refused.Add(1)
					continue
				}
				written.Store(at, time.Now())
				succeeded.Add(1)
			}
		})
	}
	arrived := map[int64]time.Time{}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for waiting := true; waiting || int64(len(arrived)) < succeeded.Load(); {
		response := stream.NextWithin(time.Second)
		for _, event := range response.GetEvents() {
			expect.Equal(t, "revision of the event", event.Kv.ModRevision, int64(len(arrived)+2))
			arrived[event.Kv.ModRevision] = time.Now()
		}
		select {
		case <-done:
			waiting = false
			expect.True(t, response != nil || int64(len(arrived)) == succeeded.Load(),
				"an event is a second late")
		default:
		}
		if t.Failed() {
			return
		}
	}
	for revision := range maps.Keys(arrived) {
		acknowledged, _ := written.Load(revision)
		lag := arrived[revision].Sub(acknowledged.(time.Time))
		expect.True(t, lag < time.Second, "event %d came %v after its write", revision, lag)
	}
	expect.True(t, refused.Load() > 200, "only %d writes were refused", refused.Load())
	t.Logf("%d writes, %d in conflict", succeeded.Load(), refused.Load())
}

// updateOnce changes a key if it is as it was read, or, to be refused, as it never was.
func updateOnce(t *testing.T, c *server.Client, key string, stale bool) (int64, bool) {
	ctx := server.Context(t)
	got, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte(key)})
	expect.OK(t, err)
	seen := int64(0)
	if len(got.Kvs) > 0 {
		seen = got.Kvs[0].ModRevision
	}
	if stale {
		seen = got.Header.Revision + 1000
	}
	response, err := c.KV.Txn(ctx, &pb.TxnRequest{
		Compare: ops.If(ops.Compare(key, "", pb.Compare_MOD, pb.Compare_EQUAL, seen)),
		Success: ops.List(ops.Put(key, "v")), Failure: ops.List(ops.Get(key)),
	})
	expect.OK(t, err)
	return response.Header.Revision, response.Succeeded
}

// A jump of the revision by a million, as a restore or a failover makes it, holds nothing up.
func TestMicrok8s3227JumpOfTheRevision(t *testing.T) {
	t.Parallel()
	onlySQLite(t, "the jump is made in the file of kubase")
	s := server.Start(t)
	c := s.Client(t)
	before := fill(c, "/k/", 0, 299, []byte("v"))
	s.Stop()
	output, err := sqlite(database(s),
		"db.execute('UPDATE meta SET revision = revision + 1000000')").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.Restart()
	c = s.Client(t)
	expect.Equal(t, "revision", c.Revision(), before+1_000_000)
	stream := watchstream.Open(t, c)
	stream.Create(watchAll(before))
	began := time.Now()
	after := c.Put("next", "v").Header.Revision
	expect.Equal(t, "revision of the next put", after, before+1_000_001)
	events := stream.Events(101)
	expect.True(t, time.Since(began) < time.Second, "the events took %v", time.Since(began))
	expect.Equal(t, "last event", events[100].Kv.ModRevision, after)
	stream.ProgressUntil(after)
	request := everything()
	request.Revision, request.CountOnly = before+500_000, true
	expect.Equal(t, "keys in the gap", c.Range(request).Count, 300)
	c.Compact(before + 500_000)
	expect.Equal(t, "keys after compaction", c.Range(everything()).Count, 301)
}

// What was acknowledged is there after a kill at that moment.
func TestEtcd14370AcknowledgedIsDurable(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	for i := range 15 {
		value := fmt.Sprint(i)
		revision := s.Client(t).Put("k", value).Header.Revision
		s.Kill()
		s.Restart()
		got := s.Client(t).Get("k")
		expect.Equal(t, "value after the kill", string(got.Kvs[0].Value), value)
		expect.Equal(t, "revision after the kill", got.Header.Revision, revision)
	}
}
