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
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// collect reads a stream to its end.
func collect(
	c *server.Client,
	ctx context.Context,
	request *pb.RangeRequest,
) ([]*pb.RangeResponse, error) {
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

// merge checks what holds for every stream and puts its chunks together, so that it can be compared
// with the answer of a unary range.
func merge(t *testing.T, chunks []*pb.RangeResponse) *pb.RangeResponse {
	t.Helper()
	if len(chunks) == 0 {
		t.Fatal("the stream ended without a chunk")
	}
	whole := &pb.RangeResponse{}
	for i, chunk := range chunks {
		if i < len(chunks)-1 {
			expect.True(t, chunk.Header == nil, "chunk %d of %d has a header: %v", i, len(chunks),
				chunk.Header)
			expect.True(t, !chunk.More && chunk.Count == 0, "chunk %d of %d has more or count", i,
				len(chunks))
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

var sameAnswers = map[string]*pb.RangeRequest{
	"everything":               {Key: []byte{0}, RangeEnd: []byte{0}},
	"a prefix":                 {Key: []byte("/k/"), RangeEnd: []byte("/k0")},
	"one key":                  {Key: []byte("/k/00003")},
	"a missing key":            {Key: []byte("/none")},
	"an empty range":           {Key: []byte("/x"), RangeEnd: []byte("/z")},
	"an inverted range":        {Key: []byte("/z"), RangeEnd: []byte("/a")},
	"from a key on":            {Key: []byte("/k/00050"), RangeEnd: []byte{0}},
	"limit 1":                  {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 1},
	"limit of the first chunk": {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 10},
	"limit of three chunks":    {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 37},
	"limit of all":             {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 59},
	"limit above all": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		Limit:    1000,
	},
	"old revision": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		Revision: 30,
	},
	"old revision with a limit": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		Revision: 30,
		Limit:    12,
	},
	"the compacted revision": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		Revision: 20,
	},
	"the current revision": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		Revision: 64,
	},
	"count only": {
		Key:       []byte("/k/"),
		RangeEnd:  []byte("/k0"),
		CountOnly: true,
	},
	"count only of an old revision": {
		Key:       []byte("/k/"),
		RangeEnd:  []byte("/k0"),
		CountOnly: true,
		Revision:  30,
	},
	"keys only": {
		Key:      []byte("/k/"),
		RangeEnd: []byte("/k0"),
		KeysOnly: true,
	},
	"serializable": {
		Key:          []byte("/k/"),
		RangeEnd:     []byte("/k0"),
		Serializable: true,
	},
	"ascending keys are no own order": {
		Key:       []byte("/k/"),
		RangeEnd:  []byte("/k0"),
		SortOrder: pb.RangeRequest_ASCEND,
	},
	"a target without an order": {
		Key:        []byte("/k/"),
		RangeEnd:   []byte("/k0"),
		SortTarget: pb.RangeRequest_KEY,
	},
}

func TestSameAnswerAsRange(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 60, 10)
	c.Put("/k/00003", "changed")
	c.Delete("/k/00040", "")
	c.Put("/l", "beside")
	c.Compact(20)
	for name, request := range sameAnswers {
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

var refusals = []struct {
	name    string
	request *pb.RangeRequest
	want    expect.Failure
}{
	{"empty key", &pb.RangeRequest{}, expect.EmptyKey},
	{
		"compacted revision",
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 3},
		expect.Compacted,
	},
	{
		"compacted revision, one key",
		&pb.RangeRequest{Key: []byte("/k/"), Revision: 3},
		expect.Compacted,
	},
	{
		"compacted revision, count",
		&pb.RangeRequest{Key: []byte("/k/"), Revision: 3, CountOnly: true},
		expect.Compacted,
	},
	{
		"future revision",
		&pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0"), Revision: 7},
		expect.FutureRevision,
	},
	{"unknown order", &pb.RangeRequest{Key: []byte("/k/"), SortOrder: 7}, expect.InvalidSort},
	{"unknown target", &pb.RangeRequest{Key: []byte("/k/"), SortTarget: 7}, expect.InvalidSort},
	{
		"descending keys",
		&pb.RangeRequest{Key: []byte("/k/"), SortOrder: pb.RangeRequest_DESCEND},
		expect.Failure{
			Code: codes.Unimplemented,
			Text: "RangeStream does not support custom sort orders",
		},
	},
	{
		"order by value",
		&pb.RangeRequest{
			Key:        []byte("/k/"),
			SortOrder:  pb.RangeRequest_ASCEND,
			SortTarget: pb.RangeRequest_VALUE,
		},
		expect.Failure{
			Code: codes.Unimplemented,
			Text: "RangeStream does not support custom sort orders",
		},
	},
	{"revision filter", &pb.RangeRequest{Key: []byte("/k/"), MinModRevision: 3},
		expect.Failure{
			Code: codes.Unimplemented,
			Text: "RangeStream does not support revision filters",
		}},
	{"creation filter", &pb.RangeRequest{Key: []byte("/k/"), MaxCreateRevision: 3},
		expect.Failure{
			Code: codes.Unimplemented,
			Text: "RangeStream does not support revision filters",
		}},
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	fill(c, 5, 10)
	c.Compact(4)
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			chunks, err := collect(c, server.Context(t), test.request)
			expect.Fails(t, err, test.want)
			expect.Equal(t, "chunks before the error", len(chunks), 0)
		})
	}
}
