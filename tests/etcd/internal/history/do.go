package history

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/reference"
	"kubase/tests/etcd/internal/server"
)

// Do sends a request and notes the answer. The returned operation has neither a reply nor a failure
// when the outcome is unknown; of a read that is not noted, since it changes nothing. With streamed
// a range goes through RangeStream.
func (r *Recorder) Do(ctx context.Context, c *server.Client, client int, request proto.Message,
	streamed bool,
) *Operation {
	o := &Operation{Client: client, Request: request, Call: r.Now(), Return: Never}
	reply, err := call(ctx, c, request, streamed)
	now := r.Now()
	switch _, read := request.(*pb.RangeRequest); {
	case err == nil:
		o.Reply, o.Return = reference.Normalise(reply), now
	case unanswered(err):
		if read {
			return o
		}
	default:
		s := status.Convert(err)
		o.Failure, o.Return = &expect.Failure{Code: s.Code(), Text: s.Message()}, now
	}
	r.share(o.Reply)
	r.Add(o)
	return o
}

// unanswered tells that the server may not have decided. What grpc-go calls internal is a message
// of which the end of the connection has cut off a part.
func unanswered(err error) bool {
	switch s := status.Convert(err); s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	case codes.Internal:
		return s.Message() == io.ErrUnexpectedEOF.Error()
	default:
		return false
	}
}

func call(ctx context.Context, c *server.Client, request proto.Message, streamed bool) (
	proto.Message, error,
) {
	switch q := request.(type) {
	case *pb.RangeRequest:
		if streamed {
			return rangeStream(ctx, c, q)
		}
		return c.KV.Range(ctx, q)
	case *pb.PutRequest:
		return c.KV.Put(ctx, q)
	case *pb.DeleteRangeRequest:
		return c.KV.DeleteRange(ctx, q)
	case *pb.TxnRequest:
		return c.KV.Txn(ctx, q)
	case *pb.CompactionRequest:
		return c.KV.Compact(ctx, q)
	case *pb.LeaseGrantRequest:
		return c.Lease.LeaseGrant(ctx, q)
	case *pb.LeaseRevokeRequest:
		return c.Lease.LeaseRevoke(ctx, q)
	default:
		panic(fmt.Sprintf("no call for %T", request))
	}
}

func rangeStream(ctx context.Context, c *server.Client, request *pb.RangeRequest) (
	proto.Message, error,
) {
	stream, err := c.KV.RangeStream(ctx, request)
	if err != nil {
		return nil, err
	}
	whole := &pb.RangeResponse{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return nil, err
		}
		chunk := message.RangeResponse
		whole.Kvs = append(whole.Kvs, chunk.Kvs...)
		whole.Header, whole.Count, whole.More = chunk.Header, chunk.Count, chunk.More
	}
}
