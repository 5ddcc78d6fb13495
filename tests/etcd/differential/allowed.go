package differential

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// This file is the whole list of differences from etcd that are meant, each with its reason.

const unorderedStream = "etcd sorts each chunk of a stream by itself when a target is named " +
	"without an order, and goes on after the key that happens to be last, so that keys come twice " +
	"or not at all; ours answers as both do when no target is named"

// forEtcd is what etcd is asked when its answer to the operation itself is not what ours is meant
// to be, with the reason; else it is the operation.
func forEtcd(operation proto.Message) (instead proto.Message, reason string) {
	request, is := operation.(*stream)
	if !is || request.SortOrder != pb.RangeRequest_NONE {
		return operation, ""
	}
	switch request.SortTarget {
	case pb.RangeRequest_VERSION, pb.RangeRequest_CREATE, pb.RangeRequest_MOD, pb.RangeRequest_VALUE:
		plain := proto.Clone(request.RangeRequest).(*pb.RangeRequest)
		plain.SortTarget = pb.RangeRequest_KEY
		return &stream{plain}, unorderedStream
	default:
		return operation, ""
	}
}
