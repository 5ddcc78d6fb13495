// Package compaction tests the rules of compaction in the etcd API.
package compaction

import (
	"fmt"
	"sync"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

func compact(t *testing.T, c *server.Client, revision int64, physical bool) error {
	t.Helper()
	_, err := c.KV.Compact(server.Context(t),
		&pb.CompactionRequest{Revision: revision, Physical: physical})
	return err
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, physical := range []bool{false, true} {
		t.Run(fmt.Sprintf("physical %v", physical), func(t *testing.T) {
			t.Parallel()
			c := server.Start(t).Client(t)
			for i := range 9 {
				c.Put("k", fmt.Sprint(i)) // revisions 2 to 10
			}
			steps := []struct {
				revision int64
				want     expect.Failure
			}{
				{11, expect.FutureRevision},
				{1 << 62, expect.FutureRevision},
				{-1, expect.Compacted}, // nothing is compacted, which counts as revision -1
				{0, expect.Failure{}},
				{0, expect.Compacted},
				{1, expect.Failure{}},
				{5, expect.Failure{}},
				{5, expect.Compacted},
				{4, expect.Compacted},
				{0, expect.Compacted},
				{-1, expect.Compacted},
				{10, expect.Failure{}},
				{10, expect.Compacted},
				{11, expect.FutureRevision},
			}
			for i, step := range steps {
				err := compact(t, c, step.revision, physical)
				if step.want == (expect.Failure{}) {
					if err != nil {
						t.Errorf("step %d, compact to %d: %v", i, step.revision, err)
					}
					continue
				}
				t.Run(fmt.Sprintf("step %d to %d", i, step.revision),
					func(t *testing.T) { expect.Fails(t, err, step.want) })
			}
			expect.Equal(t, "revision", c.Revision(), 10)
			expect.Equal(t, "value", string(c.Get("k").Kvs[0].Value), "8")
			expect.Equal(t, "version", c.Get("k").Kvs[0].Version, 9)
		})
	}
}

func TestEmptyStore(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	expect.Fails(t, compact(t, c, 2, true), expect.FutureRevision)
	expect.OK(t, compact(t, c, 1, true))
	expect.Fails(t, compact(t, c, 1, true), expect.Compacted)
	expect.Equal(t, "revision", c.Revision(), 1)
}

func TestHeaderOfCompact(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1")
	c.Put("a", "2")
	c.Put("a", "3")
	expect.Equal(t, "header revision", c.Compact(3).Header.Revision, 4)
}

// What is needed to read at the compacted revision stays, also keys that were written long before.
func TestWhatStays(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	c.Put("old", "1")       // 2
	c.Put("changed", "1")   // 3
	c.Put("changed", "2")   // 4
	c.Put("deleted", "1")   // 5
	c.Delete("deleted", "") // 6
	c.Put("later", "1")     // 7
	c.Delete("later", "")   // 8
	c.Put("last", "1")      // 9
	verify := func(t *testing.T, c *server.Client, compacted int64) {
		t.Helper()
		want := map[int64]string{
			6: "changed=2 old=1 ",
			7: "changed=2 later=1 old=1 ",
			8: "changed=2 old=1 ",
			9: "changed=2 last=1 old=1 ",
		}
		for revision := compacted; revision <= 9; revision++ {
			got := ""
			everything := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: revision}
			for _, kv := range c.Range(everything).Kvs {
				got += fmt.Sprintf("%s=%s ", kv.Key, kv.Value)
			}
			expect.Equal(t, fmt.Sprintf("state at %d", revision), got, want[revision])
		}
		_, err := c.KV.Range(server.Context(t),
			&pb.RangeRequest{Key: []byte("old"), Revision: compacted - 1})
		expect.Fails(t, err, expect.Compacted)
	}
	for _, revision := range []int64{6, 7, 8, 9} {
		c.Compact(revision)
		verify(t, c, revision)
		s.Stop()
		s.Restart()
		c = s.Client(t)
		verify(t, c, revision)
		expect.Fails(t, compact(t, c, revision, true), expect.Compacted)
		expect.Equal(t, "revision after the restart", c.Revision(), 9)
	}
}

// Compacting to the current revision when every live key is older, and then restarting, keeps the
// revision.
func TestRestartAfterCompactingEverything(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	c.Put("live", "1")
	for range 10 {
		c.Put("gone", "1")
		c.Delete("gone", "")
	}
	c.Compact(c.Revision())
	s.Kill()
	s.Restart()
	c = s.Client(t)
	expect.Equal(t, "revision", c.Revision(), 22)
	expect.Equal(t, "keys",
		c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, CountOnly: true}).Count, 1)
	expect.Equal(t, "next revision", c.Put("live", "2").Header.Revision, 23)
}

// Compaction while others write: the values that are current never change, each compaction succeeds
// once.
func TestCompactionWhileWriting(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	done := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		c := s.Client(t)
		writers.Go(func() { write(t, c, fmt.Sprintf("/w%d/", w), done) })
	}
	c := s.Client(t)
	last := int64(0)
	for compactions := 0; compactions < 20; {
		revision := c.Revision()
		if revision < last+20 {
			continue
		}
		expect.OK(t, compact(t, c, revision-5, compactions%2 == 0))
		expect.Fails(t, compact(t, c, revision-5, true), expect.Compacted)
		_, err := c.KV.Range(server.Context(t),
			&pb.RangeRequest{Key: []byte("/"), RangeEnd: []byte("0"), Revision: revision - 6})
		expect.Fails(t, err, expect.Compacted)
		last = revision
		compactions++
	}
	close(done)
	writers.Wait()
}

// write updates three keys in turn and reads each back, until done is closed.
func write(t *testing.T, c *server.Client, prefix string, done chan struct{}) {
	ctx := server.Context(t)
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		key, value := fmt.Appendf(nil, "%s%d", prefix, i%3), fmt.Appendf(nil, "%d", i)
		if _, err := c.KV.Put(ctx, &pb.PutRequest{Key: key, Value: value}); err != nil {
			t.Errorf("put: %v", err)
			return
		}
		response, err := c.KV.Range(ctx, &pb.RangeRequest{Key: key})
		if err != nil || len(response.Kvs) != 1 || string(response.Kvs[0].Value) != string(value) {
			t.Errorf("read back %s: %v, %v", key, response, err)
			return
		}
	}
}
