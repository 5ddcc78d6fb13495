package kv

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

// Several clients increment one counter with compare and set: no increment is lost, no two share a
// revision, and no client sees the revision go back.
func TestConcurrentCompareAndSet(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	s.Client(t).Put("counter", "")
	const clients, increments = 8, 25
	revisions := make([][]int64, clients)
	var group sync.WaitGroup
	for i := range clients {
		c := s.Client(t)
		group.Go(func() { revisions[i] = increment(t, c, increments) })
	}
	group.Wait()
	seen := map[int64]bool{}
	for _, list := range revisions {
		for _, revision := range list {
			expect.True(t, !seen[revision], "revision %d was given to two transactions", revision)
			seen[revision] = true
		}
	}
	c := s.Client(t)
	expect.Equal(t, "increments", len(c.Get("counter").Kvs[0].Value), clients*increments)
	expect.Equal(t, "revision", c.Revision(), 2+clients*increments)
}

// increment appends to the counter's value and returns the revisions of its transactions. It does
// not run on the test's goroutine, so it reports without ending the test.
func increment(t *testing.T, c *server.Client, count int) []int64 {
	ctx := server.Context(t)
	revisions, last := []int64{}, int64(0)
	for len(revisions) < count {
		current, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("counter")})
		if err != nil || len(current.Kvs) != 1 {
			t.Errorf("read the counter: %v, %v", current, err)
			return revisions
		}
		kv := current.Kvs[0]
		response, err := c.KV.Txn(ctx, &pb.TxnRequest{
			Compare: ops.If(ops.Compare("counter", "", mod, equal, kv.ModRevision)),
			Success: ops.List(ops.Put("counter", string(kv.Value)+"+")),
		})
		if err != nil {
			t.Errorf("increment: %v", err)
			return revisions
		}
		if current.Header.Revision < last || response.Header.Revision < current.Header.Revision {
			t.Errorf("revision went back: %d, %d, %d", last, current.Header.Revision,
				response.Header.Revision)
		}
		last = response.Header.Revision
		if response.Succeeded {
			revisions = append(revisions, last)
		}
	}
	return revisions
}

// Whatever a client reads after a write was acknowledged, to whomever, is not older than that
// write.
func TestReadsAreNotStale(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	const writers, readers, writes = 4, 4, 150
	// acknowledged[i] is the last value of key i that was acknowledged, revision the highest
	// revision.
	var acknowledged [writers]atomic.Int64
	var revision atomic.Int64
	var writing, reading sync.WaitGroup
	for i := range writers {
		c := s.Client(t)
		writing.Go(func() {
			for value := int64(1); value <= writes; value++ {
				response, err := c.KV.Put(server.Context(t), &pb.PutRequest{
					Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "%d", value),
				})
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				acknowledged[i].Store(value)
				raise(&revision, response.Header.Revision)
			}
		})
	}
	done := make(chan struct{})
	for i := range readers {
		c := s.Client(t)
		reading.Go(func() {
			for turn := i; ; turn++ {
				select {
				case <-done:
					return
				default:
					readFresh(t, c, turn%writers, &acknowledged[turn%writers], &revision)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

// readFresh reads one key, alone or within a range, and checks that it is as new as was
// acknowledged before.
func readFresh(t *testing.T, c *server.Client, key int, acknowledged, revision *atomic.Int64) {
	request := &pb.RangeRequest{Key: fmt.Appendf(nil, "k%d", key)}
	if key%2 == 1 {
		request.RangeEnd = fmt.Appendf(nil, "k%d", key+1)
	}
	value, atLeast := acknowledged.Load(), revision.Load()
	response, err := c.KV.Range(server.Context(t), request)
	if err != nil {
		t.Errorf("range: %v", err)
		return
	}
	read := int64(0)
	if len(response.Kvs) == 1 {
		fmt.Sscan(string(response.Kvs[0].Value), &read)
	}
	if read < value {
		t.Errorf("read %d of k%d after %d was acknowledged", read, key, value)
	}
	if response.Header.Revision < atLeast {
		t.Errorf("read at revision %d after %d was acknowledged", response.Header.Revision, atLeast)
	}
}

func raise(highest *atomic.Int64, value int64) {
	for current := highest.Load(); current < value; current = highest.Load() {
		if highest.CompareAndSwap(current, value) {
			return
		}
	}
}
