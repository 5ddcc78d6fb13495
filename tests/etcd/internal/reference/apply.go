package reference

import (
	"fmt"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/labels"
)

// Outcome is what a request does to a state.
type Outcome struct {
	// State is the state after it: a new revision when it changed a key.
	State *State
	// Reply is the answer, its header with nothing but the revision, and headers inside left out;
	// nil when the request fails.
	Reply proto.Message
	// Failure is the error of a request that changes nothing, else nil.
	Failure *expect.Failure
	// Events are the changes in their order, each with the previous value.
	Events []*mvccpb.Event
}

// Apply does one request: a range, put, delete, transaction, compaction, or a grant or revocation
// of a lease. Sorting, filters by revision, and puts that ignore the value or the lease are not
// modelled.
func (s *State) Apply(request proto.Message) Outcome {
	switch r := request.(type) {
	case *pb.RangeRequest, *pb.PutRequest, *pb.DeleteRangeRequest, *pb.TxnRequest:
		return s.applyKeys(request)
	case *pb.CompactionRequest:
		return s.compact(r)
	case *pb.LeaseGrantRequest:
		return s.grant(r)
	case *pb.LeaseRevokeRequest:
		return s.revoke(r)
	default:
		panic(fmt.Sprintf("the reference has no %T", request))
	}
}

func (s *State) applyKeys(request proto.Message) Outcome {
	if failure := s.check(request); failure != nil {
		return Outcome{State: s, Failure: failure}
	}
	e := newEdit(s)
	reply := e.do(request)
	next := e.finish()
	setHeader(reply, next.Revision)
	return Outcome{State: next, Reply: reply, Events: e.events}
}

// do answers without a header.
func (e *edit) do(request proto.Message) proto.Message {
	switch r := request.(type) {
	case *pb.RangeRequest:
		return e.doRange(r)
	case *pb.PutRequest:
		reply := &pb.PutResponse{}
		if previous := e.put(r.Key, r.Value, r.Lease); r.PrevKv {
			reply.PrevKv = previous
		}
		return reply
	case *pb.DeleteRangeRequest:
		return e.doDelete(r)
	case *pb.TxnRequest:
		return e.doTxn(r, pathOf(e, r))
	default:
		panic(fmt.Sprintf("the reference has no %T", request))
	}
}

func (e *edit) doRange(r *pb.RangeRequest) *pb.RangeResponse {
	kvs := e.kvs
	if r.Revision > 0 {
		kvs = e.base.At(r.Revision).kvs
	}
	selector := labels.SelectorOf(r)
	kvs = selected(inRange(kvs, string(r.Key), string(r.RangeEnd)), selector)
	reply := &pb.RangeResponse{Count: int64(len(kvs))}
	if r.CountOnly {
		return reply
	}
	if r.Limit > 0 && int64(len(kvs)) > r.Limit {
		kvs, reply.More = kvs[:r.Limit], true
		if selector != "" { // nobody counts what matches beyond the page, but that there is more
			reply.Count = r.Limit + 1
		}
	}
	for _, kv := range kvs {
		if r.KeysOnly {
			kv = proto.Clone(kv).(*mvccpb.KeyValue)
			kv.Value, kv.Lease = nil, 0 // etcd 3.7 answers from its index, which has no leases
		}
		reply.Kvs = append(reply.Kvs, kv)
	}
	return reply
}

func (e *edit) doDelete(r *pb.DeleteRangeRequest) *pb.DeleteRangeResponse {
	doomed := slices.Clone(inRange(e.kvs, string(r.Key), string(r.RangeEnd)))
	for _, kv := range doomed {
		e.delete(string(kv.Key))
	}
	reply := &pb.DeleteRangeResponse{Deleted: int64(len(doomed))}
	if r.PrevKv {
		reply.PrevKvs = doomed
	}
	return reply
}

func (s *State) compact(r *pb.CompactionRequest) Outcome {
	switch {
	case r.Revision <= s.Compacted:
		return Outcome{State: s, Failure: &expect.Compacted}
	case r.Revision > s.Revision:
		return Outcome{State: s, Failure: &expect.FutureRevision}
	}
	next := *s
	next.Compacted = r.Revision
	return Outcome{
		State: &next,
		Reply: &pb.CompactionResponse{Header: &pb.ResponseHeader{Revision: s.Revision}},
	}
}

func (s *State) grant(r *pb.LeaseGrantRequest) Outcome {
	at, found := slices.BinarySearch(s.leases, r.ID)
	if found {
		return Outcome{State: s, Failure: &expect.LeaseExists}
	}
	return Outcome{
		State: s.withLeases(slices.Insert(slices.Clone(s.leases), at, r.ID)),
		Reply: &pb.LeaseGrantResponse{
			Header: &pb.ResponseHeader{Revision: s.Revision}, ID: r.ID, TTL: r.TTL,
		},
	}
}

func (s *State) revoke(r *pb.LeaseRevokeRequest) Outcome {
	at, found := slices.BinarySearch(s.leases, r.ID)
	if !found {
		return Outcome{State: s, Failure: &expect.LeaseNotFound}
	}
	e := newEdit(s)
	for _, key := range s.Attached(r.ID) {
		e.delete(key)
	}
	next := e.finish()
	return Outcome{
		State:  next.withLeases(slices.Delete(slices.Clone(s.leases), at, at+1)),
		Reply:  &pb.LeaseRevokeResponse{Header: &pb.ResponseHeader{Revision: next.Revision}},
		Events: e.events,
	}
}

// selected is the part that a label selector selects; an empty one selects all.
func selected(kvs []*mvccpb.KeyValue, selector string) []*mvccpb.KeyValue {
	if selector == "" {
		return kvs
	}
	return slices.DeleteFunc(slices.Clone(kvs), func(kv *mvccpb.KeyValue) bool {
		return !labels.Matches(selector, kv.Value)
	})
}

// inRange is the part of sorted keys that a key and a range end select.
func inRange(kvs []*mvccpb.KeyValue, key, end string) []*mvccpb.KeyValue {
	e := edit{kvs: kvs}
	first, found := e.find(key)
	switch {
	case end == "" && found:
		return kvs[first : first+1]
	case end == "" || end != "\x00" && end <= key:
		return nil
	case end == "\x00":
		return kvs[first:]
	}
	last, _ := e.find(end)
	return kvs[first:last]
}
