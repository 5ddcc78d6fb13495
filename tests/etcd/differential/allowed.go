package differential

import (
	"bytes"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// This file is the whole list of differences from etcd that are meant, each with its reason.

// allowance is one difference between two answers.
type allowance struct {
	reason string
	// applies tells whether the two answers differ in this way only.
	applies func(operation proto.Message, etcd, ours outcome) bool
}

var allowances = []allowance{
	{
		"etcd sorts each chunk of a stream by itself when a target is named without an order, " +
			"which gives no order at all, and, with a limit, takes the key that happens to be last " +
			"for the place to go on counting from; ours are in the order of the keys",
		func(operation proto.Message, etcd, ours outcome) bool {
			request, is := operation.(*stream)
			if !is || request.SortTarget == pb.RangeRequest_KEY {
				return false
			}
			if etcd.reply == nil || ours.reply == nil {
				return false
			}
			if request.Limit > 0 {
				return sameHeadAndSize(etcd.reply.(*pb.RangeResponse), ours.reply.(*pb.RangeResponse))
			}
			sorted := proto.Clone(etcd.reply).(*pb.RangeResponse)
			slices.SortFunc(sorted.Kvs, func(a, b *mvccpb.KeyValue) int {
				return bytes.Compare(a.Key, b.Key)
			})
			return proto.Equal(sorted, ours.reply)
		},
	},
}

// allowed returns the reason why a difference is meant, or nothing.
func allowed(operation proto.Message, etcd, ours outcome) string {
	for _, a := range allowances {
		if a.applies(operation, etcd, ours) {
			return a.reason
		}
	}
	return ""
}

// sameEvent tells whether two events are equal but for this: of the event of the compacted revision
// itself, the previous value is below what can be read. etcd leaves it out; ours may still have it.
func sameEvent(etcd, ours *mvccpb.Event, compacted int64) bool {
	if ours.Kv.ModRevision == compacted && etcd.PrevKv == nil {
		ours = &mvccpb.Event{Type: ours.Type, Kv: ours.Kv}
	}
	return proto.Equal(etcd, ours)
}

// sameHeadAndSize compares what an answer with a limit says beside its keys and their total.
func sameHeadAndSize(etcd, ours *pb.RangeResponse) bool {
	return proto.Equal(etcd.Header, ours.Header) && etcd.More == ours.More &&
		len(etcd.Kvs) == len(ours.Kvs)
}
