package differential

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/server"
)

// target is one of the two servers.
type target struct {
	server *server.Server
	client *server.Client
}

// outcome is what a server answered: a reply without what may differ, or an error as text.
type outcome struct {
	reply   proto.Message
	failure string
}

// do sends one operation and waits for the answer.
func (o *target) do(ctx context.Context, operation proto.Message) outcome {
	reply, err := o.call(ctx, operation)
	if err != nil {
		s := status.Convert(err)
		return outcome{failure: fmt.Sprintf("%v: %s", s.Code(), s.Message())}
	}
	return outcome{reply: normalise(reply)}
}

func (o *target) call(ctx context.Context, operation proto.Message) (proto.Message, error) {
	if request, is := operation.(*stream); is {
		return o.client.CallRangeStream(ctx, request.RangeRequest)
	}
	return o.client.Call(ctx, operation)
}

// restart stops the server in the ordinary way and starts it again.
func (o *target) restart(t testing.TB) {
	o.server.Stop()
	o.server.Restart()
	o.client = o.server.Client(t)
}

// normalise takes out of a reply what differs between any two servers: the ids in headers, the time
// left of a lease, and the order of lists that have none.
func normalise(reply proto.Message) proto.Message {
	reply = proto.Clone(reply)
	if with, has := reply.(interface{ GetHeader() *pb.ResponseHeader }); has {
		clearIds(with.GetHeader())
	}
	switch r := reply.(type) {
	case *pb.LeaseTimeToLiveResponse:
		if r.TTL >= 0 && r.TTL <= r.GrantedTTL && r.TTL >= r.GrantedTTL-300 {
			r.TTL = r.GrantedTTL
		}
		slices.SortFunc(r.Keys, bytes.Compare)
	case *pb.LeaseLeasesResponse:
		slices.SortFunc(r.Leases, func(a, b *pb.LeaseStatus) int { return cmp.Compare(a.ID, b.ID) })
	}
	return reply
}

func clearIds(header *pb.ResponseHeader) {
	if header != nil {
		header.ClusterId, header.MemberId, header.RaftTerm = 0, 0, 0
	}
}
