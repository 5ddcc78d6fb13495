// Package rangestream tests etcd 3.7's RangeStream, by which kube-apiserver lists.
package rangestream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// collect reads a stream to its end.
func collect(c *server.Client, ctx context.Context, request *pb.RangeRequest) ([]*pb.RangeResponse, error) {
	stream, err := c.KV.RangeStream(ctx, proto.Clone(request).(*pb.RangeRequest))
	if err != nil {
		return nil, err
	}
	chunks := []*pb.RangeResponse{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, message.RangeResponse)
	}
}

// merge checks what holds for every stream and puts its chunks together, so that it can be compared with the
// answer of a unary range.
func merge(t *testing.T, chunks []*pb.RangeResponse) *pb.RangeResponse {
	t.Helper()
	if len(chunks) == 0 {
		t.Fatal("the stream ended without a chunk")
	}
	whole := &pb.RangeResponse{}
	for i, chunk := range chunks {
		if i < len(chunks)-1 {
			expect.True(t, chunk.Header == nil, "chunk %d of %d has a header: %v", i, len(chunks), chunk.Header)
			expect.True(t, !chunk.More && chunk.Count == 0, "chunk %d of %d has more or count", i, len(chunks))
			expect.True(t, len(chunk.Kvs) > 0, "chunk %d of %d is empty", i, len(chunks))
		}
		whole.Kvs = append(whole.Kvs, chunk.Kvs...)
	}
	last := chunks[len(chunks)-1]
	if last.Header == nil {
		t.Fatal("the last chunk has no header")
	}
	whole.Header, whole.More, whole.Count = last.Header, last.More, last.Count
	for i := 1; i < len(whole.Kvs); i++ {
		if bytes.Compare(whole.Kvs[i-1].Key, whole.Kvs[i].Key) >= 0 {
			t.Fatalf("keys out of order: %q, then %q", whole.Kvs[i-1].Key, whole.Kvs[i].Key)
		}
	}
	return whole
}

func fill(c *server.Client, count, size int) {
	value := string(bytes.Repeat([]byte("v"), size))
	for i := range count {
		c.Put(fmt.Sprintf("/k/%05d", i), value)
	}
}

func TestSameAnswerAsRange(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 60, 10)
	c.Put("/k/00003", "changed")
	c.Delete("/k/00040", "")
	c.Put("/l", "beside")
	c.Compact(20)
	cases := map[string]*pb.RangeRequest{
		"everything":                      {Key: []byte{0}, RangeEnd: []byte{0}},
		"a prefix":                        {Key: []byte("/k/"), RangeEnd: []byte("/k0")},
		"one key":                         {Key: []byte("/k/00003")},
		"a missing key":                   {Key: []byte("/none")},
		"an empty range":                  {Key: []byte("/x"), RangeEnd: []byte("/z")},
		"an inverted range":               {Key: []byte("/z"), RangeEnd: []byte("/a")},
		"from a key on":                   {Key: []byte("/k/00050"), RangeEnd: []byte{0}},
		"limit 1":                         {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 1},
		"limit of the first chunk":        {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 10},
		"limit of three chunks":           {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 37},
		"limit of all":                    {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 59},
		"limit above all":                 {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 1000},
		"old revision":                    {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 30},
		"old revision with a limit":       {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 30, Limit: 12},
		"the compacted revision":          {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 20},
		"the current revision":            {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 64},
		"count only":                      {Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true},
		"count only of an old revision":   {Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true, Revision: 30},
		"keys only":                       {Key: []byte("/k/"), RangeEnd: []byte("/k0"), KeysOnly: true},
		"serializable":                    {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Serializable: true},
		"ascending keys are no own order": {Key: []byte("/k/"), RangeEnd: []byte("/k0"), SortOrder: pb.RangeRequest_ASCEND},
		"a target without an order":       {Key: []byte("/k/"), RangeEnd: []byte("/k0"), SortTarget: pb.RangeRequest_KEY},
	}
	for name, request := range cases {
		t.Run(name, func(t *testing.T) {
			chunks, err := collect(c, server.Context(t), request)
			expect.OK(t, err)
			expect.Equal(t, "the chunks together", merge(t, chunks), c.Range(request))
			if request.CountOnly {
				expect.Equal(t, "messages of a count", len(chunks), 1)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 5, 10)
	c.Compact(4)
	cases := []struct {
		name    string
		request *pb.RangeRequest
		want    expect.Failure
	}{
		{"empty key", &pb.RangeRequest{}, expect.EmptyKey},
		{"compacted revision", &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 3}, expect.Compacted},
		{"compacted revision, one key", &pb.RangeRequest{Key: []byte("/k/"), Revision: 3}, expect.Compacted},
		{"compacted revision, count", &pb.RangeRequest{Key: []byte("/k/"), Revision: 3, CountOnly: true}, expect.Compacted},
		{"future revision", &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 7}, expect.FutureRevision},
		{"unknown order", &pb.RangeRequest{Key: []byte("/k/"), SortOrder: 7}, expect.InvalidSort},
		{"unknown target", &pb.RangeRequest{Key: []byte("/k/"), SortTarget: 7}, expect.InvalidSort},
		{"descending keys", &pb.RangeRequest{Key: []byte("/k/"), SortOrder: pb.RangeRequest_DESCEND},
			expect.Failure{Code: codes.Unimplemented, Text: "RangeStream does not support custom sort orders"}},
		{"order by value", &pb.RangeRequest{Key: []byte("/k/"), SortOrder: pb.RangeRequest_ASCEND, SortTarget: pb.RangeRequest_VALUE},
			expect.Failure{Code: codes.Unimplemented, Text: "RangeStream does not support custom sort orders"}},
		{"revision filter", &pb.RangeRequest{Key: []byte("/k/"), MinModRevision: 3},
			expect.Failure{Code: codes.Unimplemented, Text: "RangeStream does not support revision filters"}},
		{"creation filter", &pb.RangeRequest{Key: []byte("/k/"), MaxCreateRevision: 3},
			expect.Failure{Code: codes.Unimplemented, Text: "RangeStream does not support revision filters"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			chunks, err := collect(c, server.Context(t), test.request)
			expect.Fails(t, err, test.want)
			expect.Equal(t, "chunks before the error", len(chunks), 0)
		})
	}
}

// slowReader opens a stream over far more data than the buffers between server and client hold, and reads its
// first chunk, so that the server is in the middle of the stream.
func slowReader(t *testing.T, c *server.Client, request *pb.RangeRequest) (pb.KV_RangeStreamClient, []*pb.RangeResponse) {
	t.Helper()
	stream, err := c.KV.RangeStream(server.Context(t), request)
	expect.OK(t, err)
	first, err := stream.Recv()
	expect.OK(t, err)
	return stream, []*pb.RangeResponse{first.RangeResponse}
}

func rest(stream pb.KV_RangeStreamClient, chunks []*pb.RangeResponse) ([]*pb.RangeResponse, error) {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, message.RangeResponse)
	}
}

const (
	bigKeys  = 48
	bigValue = 512 << 10
)

// All chunks show the store as it was when the stream began, and so does the header.
func TestStreamIsOneSnapshot(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, bigKeys, bigValue)
	began := c.Revision()
	stream, chunks := slowReader(t, c, &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
	c.Put("/k/00000", "later")
	c.Put("/k/00047", "later")
	c.Put("/k/99999", "later")
	c.Delete("/k/00046", "")
	chunks, err := rest(stream, chunks)
	expect.OK(t, err)
	whole := merge(t, chunks)
	expect.Equal(t, "header revision", whole.Header.Revision, began)
	expect.Equal(t, "count", whole.Count, bigKeys)
	expect.Equal(t, "keys", len(whole.Kvs), bigKeys)
	expect.True(t, len(chunks) > 1, "%d MiB came in one chunk", bigKeys*bigValue>>20)
	for i, kv := range whole.Kvs {
		expect.Equal(t, "key", string(kv.Key), fmt.Sprintf("/k/%05d", i))
		expect.Equal(t, "size of the value of "+string(kv.Key), len(kv.Value), bigValue)
		expect.True(t, kv.ModRevision <= began, "%s is of revision %d, after the stream began", kv.Key, kv.ModRevision)
	}
}

// A stream at an old revision carries the revision that was current when it began.
func TestHeaderOfAnOldRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 30, 10)
	chunks, err := collect(c, server.Context(t), &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 25})
	expect.OK(t, err)
	whole := merge(t, chunks)
	expect.Equal(t, "header revision", whole.Header.Revision, 31)
	expect.Equal(t, "keys", len(whole.Kvs), 24)
}

// When the revision of a running stream is compacted, the stream either ends with the error or, had the server
// sent everything before, is complete; it never ends early without an error.
func TestCompactionDuringAStream(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, bigKeys, bigValue)
	stream, chunks := slowReader(t, c, &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
	c.Put("/k/00047", "later")
	c.Compact(c.Revision())
	chunks, err := rest(stream, chunks)
	if err != nil {
		expect.Fails(t, err, expect.Compacted)
		expect.True(t, chunks[len(chunks)-1].Header == nil, "a header came before the error")
		return
	}
	whole := merge(t, chunks)
	expect.Equal(t, "keys of a stream that ended well", len(whole.Kvs), bigKeys)
	expect.Equal(t, "size of the last value", len(whole.Kvs[bigKeys-1].Value), bigValue)
}

// The size of a chunk is bounded, so that neither side has to hold a large list at once.
func TestChunksAreBounded(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 400, 64<<10)
	chunks, err := collect(c, server.Context(t), &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
	expect.OK(t, err)
	expect.Equal(t, "keys", len(merge(t, chunks).Kvs), 400)
	for i, chunk := range chunks {
		expect.True(t, proto.Size(chunk) < 8<<20, "chunk %d has %d bytes", i, proto.Size(chunk))
	}
}

func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, bigKeys, bigValue)
	for range 5 {
		ctx, cancel := context.WithCancel(server.Context(t))
		stream, err := c.KV.RangeStream(ctx, &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
		expect.OK(t, err)
		_, err = stream.Recv()
		expect.OK(t, err)
		cancel()
		_, err = rest(stream, nil)
		expect.Equal(t, "code after the cancellation", status.Code(err), codes.Canceled)
	}
	expect.Equal(t, "keys", c.Range(&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true}).Count, bigKeys)
}

// The way kube-apiserver calls it: through clientv3, chunk by chunk.
func TestClientV3GetStream(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	fill(s.Client(t), 100, 1000)
	client := s.ClientV3(t)
	stream, err := client.GetStream(server.Context(t), "/k/", clientv3.WithPrefix())
	expect.OK(t, err)
	whole, err := clientv3.GetStreamToGetResponse(stream)
	expect.OK(t, err)
	expect.Equal(t, "keys", len(whole.Kvs), 100)
	expect.Equal(t, "revision", whole.Header.Revision, 101)
	expect.Equal(t, "count", whole.Count, 100)

	client.Compact(server.Context(t), 50)
	stream, err = client.GetStream(server.Context(t), "/k/", clientv3.WithPrefix(), clientv3.WithRev(40))
	expect.OK(t, err)
	_, err = clientv3.GetStreamToGetResponse(stream)
	expect.True(t, err != nil && err.Error() == expect.Compacted.Text, "error is %v", err)
}
