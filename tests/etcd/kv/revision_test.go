// Package kv tests ranges, puts, deletes and transactions of the etcd API.
package kv

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

func TestEmptyStoreIsAtRevisionOne(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	for _, key := range []string{"health", "/registry/pods/", "\x00"} {
		response := c.Get(key)
		expect.Equal(t, "revision of an empty store", response.Header.Revision, 1)
		expect.Equal(t, "keys", len(response.Kvs), 0)
		expect.Equal(t, "count", response.Count, 0)
	}
	everything := c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	expect.Equal(t, "keys of an empty store", len(everything.Kvs), 0)
	s.Stop()
	s.Restart()
	expect.Equal(t, "revision after a restart without writes", s.Client(t).Revision(), 1)
}

func TestHeaderNamesClusterAndMember(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	first := c.Put("a", "1").Header
	expect.True(t, first.ClusterId != 0, "cluster id is 0")
	expect.True(t, first.MemberId != 0, "member id is 0")
	expect.True(t, first.RaftTerm != 0, "raft term is 0")
	headers := map[string]*pb.ResponseHeader{
		"range":  c.Get("a").Header,
		"delete": c.Delete("a", "").Header,
		"txn":    c.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("a", "2"))}).Header,
		"lease":  c.Grant(0, 100).Header,
	}
	for call, header := range headers {
		expect.Equal(t, "cluster id of "+call, header.ClusterId, first.ClusterId)
		expect.Equal(t, "member id of "+call, header.MemberId, first.MemberId)
	}
	s.Stop()
	s.Restart()
	header := s.Client(t).Get("a").Header
	expect.Equal(t, "cluster id after a restart", header.ClusterId, first.ClusterId)
	expect.Equal(t, "member id after a restart", header.MemberId, first.MemberId)
}

var revisionSteps = []struct {
	name  string
	do    func(c *server.Client) *pb.ResponseHeader
	takes int64
}{
	{"put", func(c *server.Client) *pb.ResponseHeader { return c.Put("a", "1").Header }, 1},
	{"put of the same value", func(c *server.Client) *pb.ResponseHeader {
		return c.Put("a", "1").Header
	}, 1},
	{"get", func(c *server.Client) *pb.ResponseHeader { return c.Get("a").Header }, 0},
	{"serializable get", func(c *server.Client) *pb.ResponseHeader {
		return c.Range(&pb.RangeRequest{Key: []byte("a"), Serializable: true}).Header
	}, 0},
	{"delete of a missing key", func(c *server.Client) *pb.ResponseHeader {
		return c.Delete("zz", "").Header
	}, 0},
	{"delete of an empty range", func(c *server.Client) *pb.ResponseHeader {
		return c.Delete("x", "z").Header
	}, 0},
	{"txn with three puts", func(c *server.Client) *pb.ResponseHeader {
		return c.Txn(
			&pb.TxnRequest{
				Success: ops.List(ops.Put("b", "1"), ops.Put("c", "1"), ops.Put("d", "1")),
			},
		).Header
	}, 1},
	{"txn without operations", func(c *server.Client) *pb.ResponseHeader {
		return c.Txn(&pb.TxnRequest{}).Header
	}, 0},
	{"txn with a failed compare and no else", func(c *server.Client) *pb.ResponseHeader {
		return c.Txn(&pb.TxnRequest{
			Compare: ops.If(ops.Missing("a")), Success: ops.List(ops.Put("a", "2")),
		}).Header
	}, 0},
	{"txn that only reads", func(c *server.Client) *pb.ResponseHeader {
		return c.Txn(&pb.TxnRequest{Success: ops.List(ops.Get("a"), ops.Get("b"))}).Header
	}, 0},
	{"txn that deletes nothing", func(c *server.Client) *pb.ResponseHeader {
		return c.Txn(&pb.TxnRequest{Success: ops.List(ops.Delete("zz", ""))}).Header
	}, 0},
	{"delete of a range of three keys", func(c *server.Client) *pb.ResponseHeader {
		return c.Delete("b", "e").Header
	}, 1},
	{"put with a lease", func(c *server.Client) *pb.ResponseHeader {
		return c.PutRequest(&pb.PutRequest{Key: []byte("l"), Lease: 77}).Header
	}, 1},
	{"compaction", func(c *server.Client) *pb.ResponseHeader { return c.Compact(3).Header }, 0},
	{"lease grant", func(c *server.Client) *pb.ResponseHeader {
		return c.Grant(78, 1000).Header
	}, 0},
	{"revoke of a lease without keys", func(c *server.Client) *pb.ResponseHeader {
		return c.Revoke(78).Header
	}, 0},
	{"revoke of a lease with a key", func(c *server.Client) *pb.ResponseHeader {
		return c.Revoke(77).Header
	}, 1},
}

// A change takes exactly one revision, however many keys it touches; everything else takes none.
func TestWhatTakesARevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	lease := c.Grant(77, 1000)
	expect.Equal(t, "revision after a lease grant", lease.Header.Revision, 1)

	revision := c.Revision()
	for _, step := range revisionSteps {
		header := step.do(c)
		revision += step.takes
		expect.Equal(t, "header revision of "+step.name, header.Revision, revision)
		expect.Equal(t, "revision after "+step.name, c.Revision(), revision)
	}
}

func TestKeyMetadata(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	get := func() *mvccpb.KeyValue {
		t.Helper()
		response := c.Get("k")
		if len(response.Kvs) != 1 || response.Count != 1 {
			t.Fatalf("get of k returned %d keys, count %d", len(response.Kvs), response.Count)
		}
		return response.Kvs[0]
	}
	c.Put("k", "one")
	expect.Equal(
		t,
		"a new key",
		get(),
		&mvccpb.KeyValue{
			Key:            []byte("k"),
			Value:          []byte("one"),
			CreateRevision: 2,
			ModRevision:    2,
			Version:        1,
		},
	)
	c.Put("other", "x")
	c.Put("k", "two")
	expect.Equal(
		t,
		"an updated key",
		get(),
		&mvccpb.KeyValue{
			Key:            []byte("k"),
			Value:          []byte("two"),
			CreateRevision: 2,
			ModRevision:    4,
			Version:        2,
		},
	)
	c.Put("k", "")
	expect.Equal(t, "a key with an empty value", get(),
		&mvccpb.KeyValue{Key: []byte("k"), CreateRevision: 2, ModRevision: 5, Version: 3})
	c.Delete("k", "")
	expect.Equal(t, "keys after the delete", len(c.Get("k").Kvs), 0)
	c.Put("k", "again")
	expect.Equal(
		t,
		"a key created again",
		get(),
		&mvccpb.KeyValue{
			Key:            []byte("k"),
			Value:          []byte("again"),
			CreateRevision: 7,
			ModRevision:    7,
			Version:        1,
		},
	)
}

func TestPutAndDeleteReturnPreviousValues(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	put := c.PutRequest(&pb.PutRequest{Key: []byte("k1"), Value: []byte("a"), PrevKv: true})
	expect.Equal(t, "previous value of a new key", put.PrevKv, nil)
	put = c.PutRequest(&pb.PutRequest{Key: []byte("k1"), Value: []byte("b"), PrevKv: true})
	first := &mvccpb.KeyValue{
		Key:            []byte("k1"),
		Value:          []byte("a"),
		CreateRevision: 2,
		ModRevision:    2,
		Version:        1,
	}
	expect.Equal(t, "previous value of an update", put.PrevKv, first)
	c.Put("k2", "c")

	without := c.Delete("k9", "")
	expect.Equal(t, "deleted", without.Deleted, 0)
	response, err := c.KV.DeleteRange(server.Context(t),
		&pb.DeleteRangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), PrevKv: true})
	expect.OK(t, err)
	expect.Equal(t, "deleted", response.Deleted, 2)
	expect.Equal(t, "previous values", response.PrevKvs, []*mvccpb.KeyValue{
		{Key: []byte("k1"), Value: []byte("b"), CreateRevision: 2, ModRevision: 3, Version: 2},
		{Key: []byte("k2"), Value: []byte("c"), CreateRevision: 4, ModRevision: 4, Version: 1},
	})
}

func TestIgnoreValueAndIgnoreLease(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(5, 1000)
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), Lease: 5})

	c.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true, Lease: 5})
	expect.Equal(t, "value that was kept", string(c.Get("k").Kvs[0].Value), "v")
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("w"), IgnoreLease: true})
	kv := c.Get("k").Kvs[0]
	expect.Equal(
		t,
		"key with its lease kept",
		kv,
		&mvccpb.KeyValue{
			Key:            []byte("k"),
			Value:          []byte("w"),
			Lease:          5,
			CreateRevision: 2,
			ModRevision:    4,
			Version:        3,
		},
	)
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true})
	kv = c.Get("k").Kvs[0]
	expect.Equal(t, "lease after a put without one", kv.Lease, 0)
	expect.Equal(t, "value after a put that ignores it", string(kv.Value), "w")
}

func TestPutErrors(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v")
	cases := []struct {
		name    string
		request *pb.PutRequest
		want    expect.Failure
	}{
		{"empty key", &pb.PutRequest{Value: []byte("v")}, expect.EmptyKey},
		{
			"value with ignore_value",
			&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), IgnoreValue: true},
			expect.ValueProvided,
		},
		{
			"lease with ignore_lease",
			&pb.PutRequest{Key: []byte("k"), Lease: 1, IgnoreLease: true},
			expect.LeaseProvided,
		},
		{
			"ignore_value of a missing key",
			&pb.PutRequest{Key: []byte("none"), IgnoreValue: true},
			expect.KeyNotFound,
		},
		{
			"ignore_lease of a missing key",
			&pb.PutRequest{Key: []byte("none"), IgnoreLease: true},
			expect.KeyNotFound,
		},
		{"unknown lease", &pb.PutRequest{Key: []byte("k"), Lease: 4711}, expect.LeaseNotFound},
		{
			"unknown lease and missing key",
			&pb.PutRequest{Key: []byte("none"), Lease: 4711, IgnoreValue: true},
			expect.LeaseNotFound,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.KV.Put(server.Context(t), test.request)
			expect.Fails(t, err, test.want)
		})
	}
	_, err := c.KV.DeleteRange(server.Context(t), &pb.DeleteRangeRequest{})
	expect.Fails(t, err, expect.EmptyKey)
	expect.Equal(t, "revision after failed requests", c.Revision(), 2)
}

// Keys and values are bytes: nothing in them is special.
func TestBinaryKeysAndValues(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	// In the order of their bytes.
	keys := []string{
		"\x00", "\x00\x00", "\x01", "%", "'", "A", "\\", "_", "a", "a\x00", "a\x00b", "a\xff",
		"b", "é", "\xff", "\xff\xff",
	}
	for i, key := range keys {
		c.Put(key, fmt.Sprintf("\x00%d\xff", i))
	}
	for i, key := range keys {
		response := c.Get(key)
		if len(response.Kvs) != 1 {
			t.Fatalf("get of %q returned %d keys", key, len(response.Kvs))
		}
		expect.Equal(t, "key", string(response.Kvs[0].Key), key)
		expect.Equal(t, "value", string(response.Kvs[0].Value), fmt.Sprintf("\x00%d\xff", i))
	}
	everything := c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	expect.Equal(t, "all keys", keysOf(everything), keys)
}

func keysOf(response *pb.RangeResponse) []string {
	keys := []string{}
	for _, kv := range response.Kvs {
		keys = append(keys, string(kv.Key))
	}
	return keys
}
