package differential

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	switch request := operation.(type) {
	case *pb.PutRequest:
		return o.client.KV.Put(ctx, request)
	case *pb.DeleteRangeRequest:
		return o.client.KV.DeleteRange(ctx, request)
	case *pb.RangeRequest:
		return o.client.KV.Range(ctx, request)
	case *stream:
		return o.rangeStream(ctx, request.RangeRequest)
	case *pb.TxnRequest:
		return o.client.KV.Txn(ctx, request)
	case *pb.CompactionRequest:
		return o.client.KV.Compact(ctx, request)
	case *pb.LeaseGrantRequest:
		return o.client.Lease.LeaseGrant(ctx, request)
	case *pb.LeaseRevokeRequest:
		return o.client.Lease.LeaseRevoke(ctx, request)
	case *pb.LeaseTimeToLiveRequest:
		return o.client.Lease.LeaseTimeToLive(ctx, request)
	case *pb.LeaseLeasesRequest:
		return o.client.Lease.LeaseLeases(ctx, request)
	case *pb.LeaseKeepAliveRequest:
		return o.keepAlive(ctx, request)
	default:
		panic(fmt.Sprintf("no call for %T", operation))
	}
}

// rangeStream puts the chunks together: where they are cut is the server's own affair.
func (o *target) rangeStream(ctx context.Context, request *pb.RangeRequest) (proto.Message, error) {
	call, err := o.client.KV.RangeStream(ctx, request)
	if err != nil {
		return nil, err
	}
	whole := &pb.RangeResponse{}
	for {
		message, err := call.Recv()
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

func (o *target) keepAlive(
	ctx context.Context,
	request *pb.LeaseKeepAliveRequest,
) (proto.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := o.client.Lease.LeaseKeepAlive(ctx)
	if err != nil {
		return nil, err
	}
	if err := call.Send(request); err != nil {
		return nil, err
	}
	return call.Recv()
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
