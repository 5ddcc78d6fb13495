package rangestream

import (
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

// slowReader opens a stream over far more data than the buffers between server and client hold, and
// reads its first chunk, so that the server is in the middle of the stream.
func slowReader(
	t *testing.T,
	c *server.Client,
	request *pb.RangeRequest,
) (pb.KV_RangeStreamClient, []*pb.RangeResponse) {
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
	stream, chunks := slowReader(t, c,
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
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
		expect.True(t, kv.ModRevision <= began, "%s is of revision %d, after the stream began",
			kv.Key, kv.ModRevision)
	}
}

// A stream at an old revision carries the revision that was current when it began.
func TestHeaderOfAnOldRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 30, 10)
	chunks, err := collect(c, server.Context(t),
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 25})
	expect.OK(t, err)
	whole := merge(t, chunks)
	expect.Equal(t, "header revision", whole.Header.Revision, 31)
	expect.Equal(t, "keys", len(whole.Kvs), 24)
}

// When the revision of a running stream is compacted, the stream either ends with the error or, had
// the server sent everything before, is complete; it never ends early without an error.
func TestCompactionDuringAStream(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, bigKeys, bigValue)
	stream, chunks := slowReader(t, c,
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
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
	chunks, err := collect(c, server.Context(t),
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
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
		stream, err := c.KV.RangeStream(ctx,
			&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")})
		expect.OK(t, err)
		_, err = stream.Recv()
		expect.OK(t, err)
		cancel()
		_, err = rest(stream, nil)
		expect.Equal(t, "code after the cancellation", status.Code(err), codes.Canceled)
	}
	expect.Equal(
		t,
		"keys",
		c.Range(
			&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true}).Count,
		bigKeys,
	)
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
	stream, err = client.GetStream(server.Context(t), "/k/", clientv3.WithPrefix(),
		clientv3.WithRev(40))
	expect.OK(t, err)
	_, err = clientv3.GetStreamToGetResponse(stream)
	expect.True(t, err != nil && err.Error() == expect.Compacted.Text, "error is %v", err)
}
