package issues

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

var (
	liveKeys = flag.Int("live", 20_000, "keys of 1 kB that live")
	oldRows  = flag.Int("old", 50_000, "old versions of them that are compacted")
)

// While all that is old is compacted, writes stay quick; afterwards the file is hardly larger than
// it was before there was anything old, and neither is its log.
func TestKine613And213And607And582CompactionOfMuch(t *testing.T) {
	// Not parallel: it measures.
	s := server.Start(t)
	c := s.Client(t)
	value := make([]byte, 1000)
	began := time.Now()
	fill(c, "/k/", 0, *liveKeys-1, value)
	live := size(t, c)
	for old := 0; old < *oldRows; old += *liveKeys {
		fill(c, "/k/", 0, min(*liveKeys, *oldRows-old)-1, value)
	}
	full, filled := size(t, c), time.Since(began)
	idle := writeWhile(t, s, func() { time.Sleep(2 * time.Second) })
	began = time.Now()
	busy := writeWhile(t, s, func() {
		c.Compact(c.Revision())
		awaitSize(t, s, live*3/2)
	})
	t.Logf("%d live and %d old rows in %v: %d MB live, %d MB with the old, %d MB after %v",
		*liveKeys, *oldRows, filled.Round(time.Second), live>>20, full>>20, size(t, c)>>20,
		time.Since(began).Round(time.Millisecond))
	t.Logf("writes at rest: %d, median %v, p99 %v; during compaction: %d, median %v, p99 %v, "+
		"slowest %v", len(idle), percentile(idle, 50), percentile(idle, 99), len(busy),
		percentile(busy, 50), percentile(busy, 99), percentile(busy, 100))
	expect.True(t, percentile(busy, 99) < 250*time.Millisecond,
		"p99 of a write during compaction is %v", percentile(busy, 99))
	if s.Kind().Name == "kubase" {
		expect.True(t, fileSize(t, database(s)+"-wal") <= 80<<20, "the log has %d MB",
			fileSize(t, database(s)+"-wal")>>20)
	}
	expect.Equal(t, "keys", c.Range(&pb.RangeRequest{
		Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true,
	}).Count, int64(*liveKeys))
}

// writeWhile lets four clients put keys of their own during something, and returns how long each
// put took.
func writeWhile(t *testing.T, s *server.Server, during func()) []time.Duration {
	var ended atomic.Bool
	var mutex sync.Mutex
	var group sync.WaitGroup
	all := []time.Duration{}
	for w := range 4 {
		c := s.Client(t)
		group.Go(func() {
			for i := 0; !ended.Load(); i++ {
				began := time.Now()
				_, err := c.KV.Put(server.Context(t), &pb.PutRequest{
					Key: fmt.Appendf(nil, "/w%d/%d", w, i%100), Value: make([]byte, 1000),
				})
				took := time.Since(began)
				expect.OK(t, err)
				mutex.Lock()
				all = append(all, took)
				mutex.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	during()
	ended.Store(true)
	group.Wait()
	return all
}

// size is that of the database's file, as the server tells it.
func size(t *testing.T, c *server.Client) int64 {
	status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
	expect.OK(t, err)
	return status.DbSize
}

// awaitSize waits until the file is small enough. etcd gives nothing back without Defragment.
func awaitSize(t *testing.T, s *server.Server, wanted int64) {
	if s.Kind().Name != "kubase" {
		return
	}
	limit := time.Minute + time.Duration(*oldRows/5000)*time.Second
	await(t, limit, fmt.Sprintf("the file shrinks to %d MB", wanted>>20),
		func() bool { return fileSize(t, database(s)) < wanted })
}

func fileSize(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	expect.OK(t, err)
	return info.Size()
}
