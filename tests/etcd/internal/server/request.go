package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// Call sends a request, whichever it is, and waits for its reply.
func (c *Client) Call(ctx context.Context, request proto.Message) (proto.Message, error) {
	switch q := request.(type) {
	case *pb.RangeRequest:
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
	case *pb.LeaseTimeToLiveRequest:
		return c.Lease.LeaseTimeToLive(ctx, q)
	case *pb.LeaseLeasesRequest:
		return c.Lease.LeaseLeases(ctx, q)
	case *pb.LeaseKeepAliveRequest:
		return c.keepAlive(ctx, q)
	default:
		panic(fmt.Sprintf("no call for %T", request))
	}
}

// CallRangeStream reads a range through RangeStream and puts the chunks together: where they are
// cut is the server's own affair.
func (c *Client) CallRangeStream(ctx context.Context, request *pb.RangeRequest) (
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

// keepAlive renews once, on a stream of its own.
func (c *Client) keepAlive(ctx context.Context, request *pb.LeaseKeepAliveRequest) (
	proto.Message, error,
) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Lease.LeaseKeepAlive(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(request); err != nil {
		return nil, err
	}
	return stream.Recv()
}
