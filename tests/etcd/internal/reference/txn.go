package reference

import (
	"bytes"
	"cmp"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
)

// path is the branch that a transaction takes, and those of the transactions inside it: all
// comparisons see the store as it was before the first change.
type path struct {
	succeeded bool
	operation []*pb.RequestOp
	inside    map[int]path // by the index of the operation
}

func pathOf(e *edit, r *pb.TxnRequest) path {
	p := path{succeeded: true, operation: r.Success, inside: map[int]path{}}
	for _, compare := range r.Compare {
		p.succeeded = p.succeeded && holds(e, compare)
	}
	if !p.succeeded {
		p.operation = r.Failure
	}
	for i, operation := range p.operation {
		if inner := operation.GetRequestTxn(); inner != nil {
			p.inside[i] = pathOf(e, inner)
		}
	}
	return p
}

// doTxn does the operations of the path in their order.
func (e *edit) doTxn(r *pb.TxnRequest, p path) *pb.TxnResponse {
	reply := &pb.TxnResponse{Succeeded: p.succeeded}
	for i, operation := range p.operation {
		var answer pb.ResponseOp
		switch request := operation.Request.(type) {
		case *pb.RequestOp_RequestRange:
			answer.Response = &pb.ResponseOp_ResponseRange{
				ResponseRange: e.doRange(request.RequestRange),
			}
		case *pb.RequestOp_RequestPut:
			answer.Response = &pb.ResponseOp_ResponsePut{
				ResponsePut: e.do(request.RequestPut).(*pb.PutResponse),
			}
		case *pb.RequestOp_RequestDeleteRange:
			answer.Response = &pb.ResponseOp_ResponseDeleteRange{
				ResponseDeleteRange: e.doDelete(request.RequestDeleteRange),
			}
		case *pb.RequestOp_RequestTxn:
			answer.Response = &pb.ResponseOp_ResponseTxn{
				ResponseTxn: e.doTxn(request.RequestTxn, p.inside[i]),
			}
		}
		reply.Responses = append(reply.Responses, &answer)
	}
	return reply
}

// holds evaluates a comparison: of a missing key every number is 0 and the value compares as false;
// of a range it holds when it holds for all keys.
func holds(e *edit, c *pb.Compare) bool {
	kvs := inRange(e.kvs, string(c.Key), string(c.RangeEnd))
	if len(kvs) == 0 {
		return c.Target != pb.Compare_VALUE && holdsFor(c, &mvccpb.KeyValue{})
	}
	for _, kv := range kvs {
		if !holdsFor(c, kv) {
			return false
		}
	}
	return true
}

func holdsFor(c *pb.Compare, kv *mvccpb.KeyValue) bool {
	order := 0
	switch c.Target {
	case pb.Compare_VALUE:
		order = bytes.Compare(kv.Value, c.GetValue())
	case pb.Compare_CREATE:
		order = cmp.Compare(kv.CreateRevision, c.GetCreateRevision())
	case pb.Compare_MOD:
		order = cmp.Compare(kv.ModRevision, c.GetModRevision())
	case pb.Compare_VERSION:
		order = cmp.Compare(kv.Version, c.GetVersion())
	case pb.Compare_LEASE:
		order = cmp.Compare(kv.Lease, c.GetLease())
	}
	switch c.Result {
	case pb.Compare_EQUAL:
		return order == 0
	case pb.Compare_NOT_EQUAL:
		return order != 0
	case pb.Compare_GREATER:
		return order > 0
	default:
		return order < 0
	}
}

// check finds the error of a request before it changes anything.
func (s *State) check(request proto.Message) *expect.Failure {
	switch r := request.(type) {
	case *pb.RangeRequest:
		switch {
		case r.Revision > s.Revision:
			return &expect.FutureRevision
		case r.Revision > 0 && r.Revision < s.Compacted:
			return &expect.Compacted
		}
		return nil
	case *pb.PutRequest:
		if r.Lease != 0 && !s.hasLease(r.Lease) {
			return &expect.LeaseNotFound
		}
		return nil
	case *pb.DeleteRangeRequest:
		return nil
	case *pb.TxnRequest:
		return s.checkPath(pathOf(newEdit(s), r))
	default:
		panic(fmt.Sprintf("the reference has no %T", request))
	}
}

func (s *State) checkPath(p path) *expect.Failure {
	for i, operation := range p.operation {
		var failure *expect.Failure
		switch request := operation.Request.(type) {
		case *pb.RequestOp_RequestRange:
			failure = s.check(request.RequestRange)
		case *pb.RequestOp_RequestPut:
			failure = s.check(request.RequestPut)
		case *pb.RequestOp_RequestTxn:
			failure = s.checkPath(p.inside[i])
		}
		if failure != nil {
			return failure
		}
	}
	return nil
}
