package lease

import (
	"context"
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(1, 3)
	c.Grant(2, 100)
	c.Put("k", "v")
	ctx, cancel := context.WithCancel(server.Context(t))
	defer cancel()
	stream, err := c.Lease.LeaseKeepAlive(ctx)
	expect.OK(t, err)
	keepAlive := func(id int64) *pb.LeaseKeepAliveResponse {
		t.Helper()
		expect.OK(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: id}))
		response, err := stream.Recv()
		expect.OK(t, err)
		expect.Equal(t, "id", response.ID, id)
		expect.Equal(t, "header revision", response.Header.Revision, 2)
		return response
	}
	expect.Equal(t, "TTL of an unknown lease", keepAlive(4711).TTL, 0)
	expect.Equal(t, "TTL of a long lease", keepAlive(2).TTL, 100)
	// The short lease lives as long as it is kept alive, far beyond its TTL.
	for began := time.Now(); time.Since(began) < 7*time.Second; time.Sleep(500 * time.Millisecond) {
		expect.Equal(t, "TTL of a short lease", keepAlive(1).TTL, 3)
	}
	expect.Equal(t, "granted TTL", timeToLive(t, c, 1).GrantedTTL, 3)
	waitUntilGone(t, c, 1)
	expect.Equal(t, "TTL of an expired lease", keepAlive(1).TTL, 0)
	expect.OK(t, stream.CloseSend())
	_, err = stream.Recv()
	expect.True(t, err != nil && err.Error() == "EOF", "end of the stream is %v", err)
}

// waitUntilGone asks for a lease until it is unknown.
func waitUntilGone(t *testing.T, c *server.Client, id int64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if timeToLive(t, c, id).TTL == -1 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("lease %d does not expire", id)
}

// A lease expires after its TTL, never before, and takes its keys in one revision.
func TestExpiry(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	granted := time.Now()
	c.Grant(1, 2)
	put(c, "b", 1)
	put(c, "a", 1)
	c.Put("other", "v")
	stream := watchAll(t, c, 5)
	events := stream.NextEvents().Events
	expect.True(t, time.Since(granted) >= 2*time.Second, "the lease of 2 s expired after %v",
		time.Since(granted))
	expect.True(t, time.Since(granted) < 20*time.Second, "the lease of 2 s expired after %v",
		time.Since(granted))
	expect.Equal(t, "events", events, []*mvccpb.Event{deleted("a", 5, 3), deleted("b", 5, 2)})
	expect.Equal(t, "TTL afterwards", timeToLive(t, c, 1).TTL, -1)
	expect.Equal(t, "revision", c.Revision(), 5)
	expect.Equal(t, "keys left",
		c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Count, 1)
}

func TestManyLeasesExpire(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	const leases = 100
	for id := range int64(leases) {
		c.Grant(id+1, 2+id%2)
		put(c, fmt.Sprintf("k%03d", id), id+1)
	}
	empty := c.Grant(500, 2)
	stream := watchAll(t, c, 2)
	deletes := map[string]bool{}
	for len(deletes) < leases {
		for _, event := range stream.NextEvents().Events {
			if event.Type == mvccpb.Event_DELETE {
				expect.True(t, !deletes[string(event.Kv.Key)], "%s was deleted twice", event.Kv.Key)
				deletes[string(event.Kv.Key)] = true
			}
		}
	}
	waitUntilGone(t, c, empty.ID)
	expect.Equal(t, "revision: one for each lease with a key", c.Revision(), 1+2*leases)
}

// Leases, their keys and their TTLs survive a restart and a kill; the time to live does not get
// shorter by it.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := server.Start(t)
			c := s.Client(t)
			c.Grant(1, 1000)
			c.Grant(2, 1000)
			granted := time.Now()
			c.Grant(3, 4)
			put(c, "a", 1)
			put(c, "b", 1)
			put(c, "c", 1)
			c.Put("c", "detached")
			put(c, "short", 3)
			c.Revoke(2)
			if how == "stop" {
				s.Stop()
			} else {
				s.Kill()
			}
			s.Restart()
			c = s.Client(t)
			lease := timeToLive(t, c, 1)
			expect.Equal(t, "granted TTL", lease.GrantedTTL, 1000)
			expect.True(t, lease.TTL > 900 && lease.TTL <= 1000, "TTL is %d", lease.TTL)
			expect.Equal(t, "keys", keysOf(lease), []string{"a", "b"})
			expect.Equal(t, "TTL of the revoked lease", timeToLive(t, c, 2).TTL, -1)
			waitUntilGone(t, c, 3)
			expect.True(t, time.Since(granted) >= 4*time.Second,
				"the lease of 4 s expired after %v", time.Since(granted))
			expect.Equal(t, "key of the expired lease", c.Get("short").Count, 0)
			c.Revoke(1)
			expect.Equal(t, "keys left",
				c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Count, 1)
		})
	}
}
