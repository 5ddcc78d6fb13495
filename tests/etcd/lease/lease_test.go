// Package lease tests grant, revoke, keep alive, time to live, expiry and the keys attached to
// leases.
package lease

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

func put(c *server.Client, key string, lease int64) *pb.PutResponse {
	return c.PutRequest(&pb.PutRequest{Key: []byte(key), Value: []byte("v"), Lease: lease})
}

func timeToLive(t *testing.T, c *server.Client, id int64) *pb.LeaseTimeToLiveResponse {
	t.Helper()
	response, err := c.Lease.LeaseTimeToLive(server.Context(t),
		&pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
	expect.OK(t, err)
	return response
}

// keysOf is the keys of a lease in order: etcd lists them in none.
func keysOf(response *pb.LeaseTimeToLiveResponse) []string {
	keys := []string{}
	for _, key := range response.Keys {
		keys = append(keys, string(key))
	}
	sort.Strings(keys)
	return keys
}

// watchAll watches every key from a revision on.
func watchAll(t *testing.T, c *server.Client, start int64) *watchstream.Stream {
	t.Helper()
	stream := watchstream.Open(t, c)
	stream.Create(
		&pb.WatchCreateRequest{
			Key:           []byte{0},
			RangeEnd:      []byte{0},
			PrevKv:        true,
			StartRevision: start,
		},
	)
	return stream
}

func TestGrant(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	cases := []struct {
		name         string
		id, ttl, got int64
	}{
		{"an ordinary lease", 100, 60, 60},
		{"the smallest lease", 101, 2, 2},
		{"a TTL below the smallest", 102, 1, 2},
		{"no TTL", 103, 0, 2},
		{"a negative TTL", 104, -10, 2},
		{"the largest TTL", 105, 9_000_000_000, 9_000_000_000},
		{"a negative id", -7, 60, 60},
		{"the largest id", 1<<63 - 1, 60, 60},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			response := c.Grant(test.id, test.ttl)
			expect.Equal(t, "id", response.ID, test.id)
			expect.Equal(t, "TTL", response.TTL, test.got)
			expect.Equal(t, "header revision", response.Header.Revision, 1)
			expect.Equal(t, "error", response.Error, "")
		})
	}
	chosen := map[int64]bool{}
	for range 20 {
		id := c.Grant(0, 60).ID
		expect.True(t, id > 0 && !chosen[id], "id chosen by the server is %d", id)
		chosen[id] = true
	}
	for _, ttl := range []int64{9_000_000_001, 1<<63 - 1} {
		_, err := c.Lease.LeaseGrant(server.Context(t), &pb.LeaseGrantRequest{ID: 200, TTL: ttl})
		expect.Fails(t, err, expect.LeaseTTLTooBig)
	}
	_, err := c.Lease.LeaseGrant(server.Context(t), &pb.LeaseGrantRequest{ID: 100, TTL: 60})
	expect.Fails(t, err, expect.LeaseExists)
	_, err = c.Lease.LeaseGrant(server.Context(t),
		&pb.LeaseGrantRequest{ID: 100, TTL: 9_000_000_001})
	expect.Fails(t, err, expect.LeaseTTLTooBig)
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(1, 1000)
	put(c, "b", 1)
	put(c, "a", 1)
	response := timeToLive(t, c, 1)
	expect.Equal(t, "id", response.ID, 1)
	expect.Equal(t, "granted TTL", response.GrantedTTL, 1000)
	expect.True(t, response.TTL > 900 && response.TTL <= 1000, "TTL is %d", response.TTL)
	expect.Equal(t, "keys", keysOf(response), []string{"a", "b"})
	expect.Equal(t, "header revision", response.Header.Revision, 3)
	without, err := c.Lease.LeaseTimeToLive(server.Context(t), &pb.LeaseTimeToLiveRequest{ID: 1})
	expect.OK(t, err)
	expect.Equal(t, "keys that were not asked for", len(without.Keys), 0)
	unknown := timeToLive(t, c, 2)
	expect.Equal(t, "an unknown lease", unknown,
		&pb.LeaseTimeToLiveResponse{Header: response.Header, ID: 2, TTL: -1})
}

func TestList(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	list := func() []int64 {
		response, err := c.Lease.LeaseLeases(server.Context(t), &pb.LeaseLeasesRequest{})
		expect.OK(t, err)
		ids := []int64{}
		for _, lease := range response.Leases {
			ids = append(ids, lease.ID)
		}
		slices.Sort(ids)
		return ids
	}
	expect.Equal(t, "leases of an empty store", list(), []int64{})
	for id := range int64(5) {
		c.Grant(id+1, 1000)
	}
	expect.Equal(t, "leases", list(), []int64{1, 2, 3, 4, 5})
	c.Revoke(3)
	expect.Equal(t, "leases after a revoke", list(), []int64{1, 2, 4, 5})
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(1, 1000)
	c.Grant(2, 1000)
	for _, key := range []string{"c", "a", "b"} {
		put(c, key, 1) // 2, 3, 4
	}
	put(c, "other", 2) // 5
	stream := watchAll(t, c, 0)
	response := c.Revoke(1)
	expect.Equal(t, "header revision", response.Header.Revision, 6)
	events := stream.NextEvents().Events
	expect.Equal(t, "events, all in one revision", events, []*mvccpb.Event{
		deleted("a", 6, 3), deleted("b", 6, 4), deleted("c", 6, 2),
	})
	expect.Equal(t, "keys left",
		c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Count, 1)
	expect.Equal(t, "TTL of the revoked lease", timeToLive(t, c, 1).TTL, -1)
	_, err := c.Lease.LeaseRevoke(server.Context(t), &pb.LeaseRevokeRequest{ID: 1})
	expect.Fails(t, err, expect.LeaseNotFound)
	_, err = c.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("k"), Lease: 1})
	expect.Fails(t, err, expect.LeaseNotFound)
	expect.Equal(t, "the id used again", c.Grant(1, 50).TTL, 50)
	expect.Equal(t, "keys of the new lease", len(timeToLive(t, c, 1).Keys), 0)
}

// deleted is the event of a key that put wrote in revision created and a lease 1 deleted.
func deleted(key string, revision, created int64) *mvccpb.Event {
	return &mvccpb.Event{
		Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(key), ModRevision: revision},
		PrevKv: &mvccpb.KeyValue{
			Key: []byte(
				key,
			), Value: []byte("v"), Lease: 1, CreateRevision: created, ModRevision: created, Version: 1,
		},
	}
}

// kube-apiserver attaches up to a thousand objects to one lease.
func TestRevokeOfAThousandKeys(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(1, 1000)
	const keys = 1000
	for first := 0; first < keys; first += 100 {
		operations := []*pb.RequestOp{}
		for i := range 100 {
			operations = append(operations,
				ops.PutRequest(&pb.PutRequest{Key: fmt.Appendf(nil, "k%04d", first+i), Lease: 1}))
		}
		c.Txn(&pb.TxnRequest{Success: operations})
	}
	stream := watchAll(t, c, 0)
	revision := c.Revoke(1).Header.Revision
	expect.Equal(t, "revision", revision, 12)
	response := stream.NextEvents()
	expect.Equal(t, "events in one response", len(response.Events), keys)
	for i, event := range response.Events {
		expect.Equal(t, "key", string(event.Kv.Key), fmt.Sprintf("k%04d", i))
		expect.Equal(t, "revision", event.Kv.ModRevision, revision)
	}
}

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(1, 1000)
	c.Grant(2, 1000)
	for _, key := range []string{"stays", "moves", "detached", "deleted", "ignored", "txn"} {
		put(c, key, 1)
	}
	put(c, "moves", 2)
	c.Put("detached", "v")
	c.Delete("deleted", "")
	c.PutRequest(&pb.PutRequest{Key: []byte("ignored"), Value: []byte("new"), IgnoreLease: true})
	c.Txn(&pb.TxnRequest{
		Compare: ops.If(ops.Compare("txn", "", pb.Compare_LEASE, pb.Compare_EQUAL, 1)),
		Success: ops.List(ops.Put("txn", "v"),
			ops.PutRequest(&pb.PutRequest{Key: []byte("in txn"), Lease: 2})),
	})
	expect.Equal(t, "keys of lease 1", keysOf(timeToLive(t, c, 1)), []string{"ignored", "stays"})
	expect.Equal(t, "keys of lease 2", keysOf(timeToLive(t, c, 2)), []string{"in txn", "moves"})
	expect.Equal(t, "lease in the key", c.Get("moves").Kvs[0].Lease, 2)
	// A key that is made again without a lease has none.
	c.Put("deleted", "v")
	c.Revoke(1)
	c.Revoke(2)
	kept := []string{}
	for _, kv := range c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Kvs {
		kept = append(kept, string(kv.Key))
		expect.Equal(t, "lease of "+string(kv.Key), kv.Lease, 0)
	}
	expect.Equal(t, "keys left", kept, []string{"deleted", "detached", "txn"})
}
