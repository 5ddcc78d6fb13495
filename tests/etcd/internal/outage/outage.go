// Package outage has what tests need that take the database away: to write again as soon as that
// is possible, and watches that have to go on.
package outage

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// pause is between an attempt that failed and the next one.
const pause = 5 * time.Millisecond

// PutWhenPossible writes a key as soon as that is taken, which has to be within limit.
func PutWhenPossible(t testing.TB, c *server.Client, key string,
	limit time.Duration) *pb.PutResponse {
	t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		response, err := c.KV.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte("1")})
		cancel()
		if err == nil {
			t.Logf("writes again after %v", time.Since(began))
			return response
		}
		if time.Since(began) > limit {
			t.Fatalf("no write within %v: %v", limit, err)
		}
		time.Sleep(pause)
	}
}

// ReadWhenPossible does a linearizable read as soon as there is an answer, which has to be within
// limit, and tells after how long it was.
func ReadWhenPossible(t testing.TB, c *server.Client, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		_, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
		cancel()
		took := time.Since(began)
		if took > limit {
			t.Errorf("no read within %v, but after %v (%v)", limit, took, err)
			return took
		}
		if err == nil {
			return took
		}
		time.Sleep(pause)
	}
}

// OpenWatch watches the keys under /k/ from a revision on.
func OpenWatch(t testing.TB, c *server.Client, revision int64) pb.Watch_WatchClient {
	t.Helper()
	stream, err := watchstream.Ask(server.Context(t), c.Watch, &pb.WatchCreateRequest{
		Key: []byte("/k/"), RangeEnd: []byte("/k0"), StartRevision: revision,
	})
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	return stream
}

// ExpectRevisions reads events: one for each revision from first to last.
func ExpectRevisions(t testing.TB, stream pb.Watch_WatchClient, first, last int64) {
	t.Helper()
	for next := first; next <= last; {
		response, err := stream.Recv()
		if err != nil || response.Canceled {
			t.Fatalf("the watch ended before revision %d: %v, %v", next, response, err)
		}
		for _, event := range response.Events {
			if event.Kv.ModRevision != next {
				t.Fatalf("the watch shows revision %d, want %d", event.Kv.ModRevision, next)
			}
			next++
		}
	}
}
