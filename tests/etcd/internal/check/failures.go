package check

import (
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/history"
)

// compaction is one request for a compaction: it may take effect from called on, and has from done
// on.
type compaction struct {
	request      *history.Operation
	revision     int64
	called, done time.Duration
}

type compactions []compaction

func compactionsOf(h *history.History) compactions {
	all := compactions{}
	for _, o := range h.Operations {
		request, is := o.Request.(*pb.CompactionRequest)
		if !is || o.Failure != nil {
			continue
		}
		all = append(all, compaction{o, request.Revision, o.Call, o.Return})
	}
	return all
}

// possible is the highest revision to which the store can have been compacted before a moment, by
// another request than this one.
func (c compactions) possible(moment time.Duration, but *history.Operation) int64 {
	highest := int64(-1)
	for _, one := range c {
		if one.called < moment && one.request != but {
			highest = max(highest, one.revision)
		}
	}
	return highest
}

// certain is the highest revision to which the store was known to be compacted before a moment.
func (c compactions) certain(moment time.Duration) int64 {
	highest := int64(-1)
	for _, one := range c {
		if one.done < moment {
			highest = max(highest, one.revision)
		}
	}
	return highest
}

// checkFailures checks what the replay does not decide, since errors have no revision: each error
// needs its cause at some moment of the call, and what succeeded needs its absence.
func checkFailures(h *history.History, t *timeline, c compactions, f *faults) {
	leases := leasesOf(h)
	for _, o := range h.Operations {
		switch {
		case o.Unknown():
		case o.Failure == nil:
			checkNotCompacted(o, c, f)
		case !failureHasCause(o, t, c, leases):
			f.add("%v\nhas no cause for this error", o)
		}
	}
}

func checkNotCompacted(o *history.Operation, c compactions, f *faults) {
	certain := c.certain(o.Call)
	if request, is := o.Request.(*pb.CompactionRequest); is && request.Revision <= certain {
		f.add("%v\nsucceeded after a compaction to %d", o, certain)
	}
	for _, revision := range askedRevisions(o.Request, o.Reply) {
		if revision < certain {
			f.add("%v\nread revision %d after a compaction to %d", o, revision, certain)
		}
	}
}

func failureHasCause(o *history.Operation, t *timeline, c compactions, leases leases) bool {
	asked := askedRevisions(o.Request, nil)
	switch *o.Failure {
	case expect.Compacted:
		possible := c.possible(o.Return, o)
		if request, is := o.Request.(*pb.CompactionRequest); is {
			return request.Revision <= possible
		}
		return len(asked) > 0 && slices.Min(asked) < possible
	case expect.FutureRevision:
		if request, is := o.Request.(*pb.CompactionRequest); is {
			asked = append(asked, request.Revision)
		}
		return len(asked) > 0 && slices.Max(asked) > t.after(o.Call).revision()
	case expect.LeaseNotFound:
		return slices.ContainsFunc(askedLeases(o.Request), func(id int64) bool {
			return leases.mayBeMissing(id, o)
		})
	}
	return false
}

// lease is what is known of a lease: when it certainly existed, and when it may have ended.
type lease struct {
	granted, mayEnd time.Duration
	revocations     []*history.Operation
}

type leases map[int64]lease

func leasesOf(h *history.History) leases {
	all := leases{}
	for _, o := range h.Operations {
		switch request := o.Request.(type) {
		case *pb.LeaseGrantRequest:
			one := all[request.ID]
			one.granted = o.Return
			one.mayEnd = o.Call + time.Duration(request.TTL)*time.Second
			all[request.ID] = one
		case *pb.LeaseRevokeRequest:
			one := all[request.ID]
			one.revocations = append(one.revocations, o)
			all[request.ID] = one
		}
	}
	return all
}

func (l leases) mayBeMissing(id int64, o *history.Operation) bool {
	one, is := l[id]
	if !is || one.granted > o.Call || one.mayEnd < o.Return {
		return true
	}
	return slices.ContainsFunc(one.revocations, func(revoke *history.Operation) bool {
		return revoke != o && revoke.Failure == nil && revoke.Call < o.Return
	})
}

func askedLeases(request proto.Message) []int64 {
	switch r := request.(type) {
	case *pb.PutRequest:
		if r.Lease != 0 {
			return []int64{r.Lease}
		}
	case *pb.LeaseRevokeRequest:
		return []int64{r.ID}
	case *pb.TxnRequest:
		ids := []int64{}
		for _, operation := range slices.Concat(r.Success, r.Failure) {
			if put := operation.GetRequestPut(); put != nil {
				ids = append(ids, askedLeases(put)...)
			}
			if inner := operation.GetRequestTxn(); inner != nil {
				ids = append(ids, askedLeases(inner)...)
			}
		}
		return ids
	}
	return nil
}

// askedRevisions are the revisions that a request reads at; those of both branches when there is no
// reply.
func askedRevisions(request, reply proto.Message) []int64 {
	asked := []int64{}
	switch r := request.(type) {
	case *pb.RangeRequest:
		if r.Revision > 0 {
			asked = append(asked, r.Revision)
		}
	case *pb.TxnRequest:
		operations := slices.Concat(r.Success, r.Failure)
		answer, answered := reply.(*pb.TxnResponse)
		switch {
		case answered && answer.Succeeded:
			operations = r.Success
		case answered:
			operations = r.Failure
		}
		for i, operation := range operations {
			if read := operation.GetRequestRange(); read != nil {
				asked = append(asked, askedRevisions(read, nil)...)
			}
			if inner := operation.GetRequestTxn(); inner != nil {
				var inside proto.Message
				if answered {
					inside = answer.Responses[i].GetResponseTxn()
				}
				asked = append(asked, askedRevisions(inner, inside)...)
			}
		}
	}
	return asked
}

// mayBeStale tells a read that asked for no more than some state of the past.
func mayBeStale(o *history.Operation) bool {
	request, is := o.Request.(*pb.RangeRequest)
	return is && request.Serializable
}
