package issues

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// Reads of old, compacted and future revisions: the error or the state of that revision, and always
// the header of the current one.
func TestKine215And771RevisionsOfReads(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for i := range 9 {
		c.Put("k", fmt.Sprint(i)) // 2 to 10
	}
	c.Delete("k", "") // 11
	c.Put("l", "v")   // 12
	c.Compact(5)
	cases := []struct {
		revision int64
		want     expect.Failure
		value    string // of k, empty: it does not exist
	}{
		{1, expect.Compacted, ""},
		{4, expect.Compacted, ""},
		{5, expect.Failure{}, "3"},
		{10, expect.Failure{}, "8"},
		{11, expect.Failure{}, ""},
		{12, expect.Failure{}, ""},
		{0, expect.Failure{}, ""},
		{13, expect.FutureRevision, ""},
		{1_000_000, expect.FutureRevision, ""},
	}
	for _, test := range cases {
		for _, request := range []*pb.RangeRequest{
			{Key: []byte("k"), Revision: test.revision},
			{Key: []byte("k"), RangeEnd: []byte("l"), Revision: test.revision},
			{Key: []byte("k"), RangeEnd: []byte("l"), Revision: test.revision, CountOnly: true},
			{Key: []byte("k"), RangeEnd: []byte("l"), Revision: test.revision, Limit: 1},
		} {
			t.Run(fmt.Sprint(request), func(t *testing.T) {
				response, err := c.KV.Range(server.Context(t), request)
				if test.want != (expect.Failure{}) {
					expect.Fails(t, err, test.want)
					return
				}
				expect.OK(t, err)
				expect.Equal(t, "header revision", response.Header.Revision, 12)
				expect.Equal(t, "found", response.Count > 0, test.value != "")
				if len(response.Kvs) > 0 {
					expect.Equal(t, "value", string(response.Kvs[0].Value), test.value)
				}
			})
		}
	}
}

// The revision is that of the store, whatever is read: absent keys and prefixes too.
func TestKine255RevisionOfAbsentKeys(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for i := range int64(20) {
		revision := c.Put(fmt.Sprintf("/registry/pods/%d", i%3), "v").Header.Revision
		expect.Equal(t, "revision of the put", revision, i+2)
		for _, request := range []*pb.RangeRequest{
			{Key: []byte("/registry/services")},
			{Key: []byte("/registry/services/"), RangeEnd: []byte("/registry/services0")},
			{
				Key: []byte("/registry/services/"), RangeEnd: []byte("/registry/services0"),
				CountOnly: true,
			},
		} {
			response := c.Range(request)
			expect.Equal(t, "revision of an absent key", response.Header.Revision, revision)
			expect.Equal(t, "count", response.Count, 0)
		}
	}
}

// A list in pages whose revision is compacted between two of them ends with the error from which
// kube-apiserver makes its inconsistent continue token; the rest can be read at the present.
func TestK3s11774ContinueAfterCompaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	pinned := fill(c, "/p/", 0, 99, []byte("v"))
	page := func(key string, revision int64) *pb.RangeRequest {
		return &pb.RangeRequest{
			Key: []byte(key), RangeEnd: []byte("/p0"), Limit: 30, Revision: revision,
		}
	}
	first := c.Range(page("/p/", 0))
	expect.Equal(t, "more after the first page", first.More, true)
	expect.Equal(t, "count at the first page", first.Count, 100)
	next := string(first.Kvs[29].Key) + "\x00"
	c.Delete("/p/000050", "")
	expect.Equal(t, "count at the second page", c.Range(page(next, pinned)).Count, 70)
	c.Compact(c.Revision())
	_, err := c.KV.Range(server.Context(t), page(next, pinned))
	expect.Fails(t, err, expect.Compacted)
	stream, err := c.KV.RangeStream(server.Context(t), page(next, pinned))
	expect.OK(t, err)
	_, err = stream.Recv()
	expect.Fails(t, err, expect.Compacted)
	rest := c.Range(page(next, 0))
	expect.Equal(t, "count at the present", rest.Count, 69)
	expect.Equal(t, "more at the present", rest.More, true)
	expect.Equal(t, "first key of the rest", string(rest.Kvs[0].Key), "/p/000030")
}

// One client that uses every call never sees the revision step back, and a revision that was seen
// can be read at once.
func TestKine0ec37c6RevisionNeverStepsBack(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i, c := 0, s.Client(t); !ended.Load(); i++ {
			_, err := c.KV.Put(server.Context(t),
				&pb.PutRequest{Key: fmt.Appendf(nil, "k%d", i%10), Value: []byte("v")})
			if err != nil {
				t.Errorf("put: %v", err)
				return
			}
		}
	}()
	c, other := s.Client(t), s.Client(t)
	lease := c.Grant(0, 100).ID
	calls := headers(t, c, lease)
	last := int64(1)
	for range 300 {
		for _, call := range calls {
			revision := call.revision()
			expect.True(t, revision >= last, "%s says revision %d after %d", call.name, revision,
				last)
			last = max(last, revision)
			request := everything()
			request.Revision, request.CountOnly = last, true
			_, err := other.KV.Range(server.Context(t), request)
			expect.OK(t, err)
		}
	}
	ended.Store(true)
	<-done
	t.Logf("%d calls, up to revision %d", 300*len(calls), last)
}

type headerCall struct {
	name     string
	revision func() int64
}

// headers are calls of every kind that tell the revision.
func headers(t *testing.T, c *server.Client, lease int64) []headerCall {
	ctx := server.Context(t)
	alive, err := c.Lease.LeaseKeepAlive(ctx)
	expect.OK(t, err)
	watches, err := c.Watch.Watch(ctx)
	expect.OK(t, err)
	checked := func(header *pb.ResponseHeader, err error) int64 {
		expect.OK(t, err)
		return header.Revision
	}
	return []headerCall{
		{"a get", func() int64 { return c.Get("k1").Header.Revision }},
		{"a status", func() int64 {
			response, err := c.Maintenance.Status(ctx, &pb.StatusRequest{})
			return checked(response.GetHeader(), err)
		}},
		{"a range", func() int64 { return c.Range(everything()).Header.Revision }},
		{"a keep-alive", func() int64 {
			expect.OK(t, alive.Send(&pb.LeaseKeepAliveRequest{ID: lease}))
			response, err := alive.Recv()
			return checked(response.GetHeader(), err)
		}},
		{"a get of an absent key", func() int64 { return c.Get("none").Header.Revision }},
		{"a time to live", func() int64 {
			response, err := c.Lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
			return checked(response.GetHeader(), err)
		}},
		{"a delete of nothing", func() int64 { return c.Delete("none", "").Header.Revision }},
		{"a new watch", func() int64 {
			expect.OK(t, watches.Send(&pb.WatchRequest{
				RequestUnion: &pb.WatchRequest_CreateRequest{
					CreateRequest: &pb.WatchCreateRequest{Key: []byte("none")},
				},
			}))
			response, err := watches.Recv()
			return checked(response.GetHeader(), err)
		}},
		{"a streamed range", func() int64 { return streamed(t, c) }},
		{"an empty transaction", func() int64 { return c.Txn(&pb.TxnRequest{}).Header.Revision }},
		{"a hash", func() int64 {
			response, err := c.Maintenance.HashKV(ctx, &pb.HashKVRequest{})
			return checked(response.GetHeader(), err)
		}},
		{"a list of leases", func() int64 {
			response, err := c.Lease.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
			return checked(response.GetHeader(), err)
		}},
		{"a put", func() int64 { return c.Put("mine", "v").Header.Revision }},
	}
}

func streamed(t *testing.T, c *server.Client) (revision int64) {
	stream, err := c.KV.RangeStream(server.Context(t), everything())
	expect.OK(t, err)
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return revision
		}
		expect.OK(t, err)
		revision = max(revision, response.RangeResponse.GetHeader().GetRevision())
	}
}
