package history

import (
	"context"
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
	if q, is := request.(*pb.RangeRequest); is && streamed {
		return c.CallRangeStream(ctx, q)
	}
	return c.Call(ctx, request)
}
