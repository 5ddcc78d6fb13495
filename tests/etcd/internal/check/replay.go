package check

import (
	"slices"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
)

// replay is the state of one pass through a history in the order of its revisions.
type replay struct {
	history *history.History
	log     *Log
	faults  *faults
	// byRevision has the answered operations.
	byRevision map[int64][]*history.Operation
	doubts     *doubts
	// last is the highest revision that any answer or watch response shows.
	last int64
}

// run puts all answered requests in the order of the revisions of their answers, explains the
// revisions that nobody was told of by requests of unknown outcome, and compares every answer with
// that of the reference. It stops where a revision cannot be explained.
func (r *replay) run() {
	for revision := int64(1); revision <= r.last; revision++ {
		if revision > 1 && !r.write(revision) {
			return
		}
		r.read(revision)
	}
	r.doubts.assign(r.log, r.faults)
}

func newReplay(h *history.History, f *faults) *replay {
	r := &replay{
		history: h, log: newLog(), faults: f, byRevision: map[int64][]*history.Operation{},
	}
	for _, o := range h.Operations {
		if o.Reply != nil {
			revision := reference.Revision(o.Reply)
			r.byRevision[revision] = append(r.byRevision[revision], o)
			r.log.places[o] = readAt(revision)
			if changesKeys(o.Reply) {
				r.log.places[o] = writeAt(revision)
			}
		}
	}
	known := newTimeline(h, r.log.places)
	checkRealTime(h, r.log, known, f)
	if len(f.list) > 0 {
		known.calls = nil // what has a wrong place bounds nothing
	}
	r.doubts, r.last = newDoubts(h, known), r.lastRevision()
	return r
}

func (r *replay) lastRevision() int64 {
	last := int64(1)
	for revision := range r.byRevision {
		last = max(last, revision)
	}
	for _, seen := range observations(r.history) {
		last = max(last, seen.place.revision())
	}
	return last
}

// write adds the revision to the log; false when there is nothing that could have made it.
func (r *replay) write(revision int64) bool {
	before := r.log.states[revision-1]
	writer := r.writer(revision, before)
	if writer == nil {
		outcome := r.doubts.explain(revision, before, r.faults)
		if outcome == nil {
			return false
		}
		r.append(*outcome)
		return true
	}
	r.log.places[writer] = writeAt(revision)
	outcome := before.Uncompacted().Apply(writer.Request)
	r.compare(writer, outcome)
	if outcome.State.Revision != revision {
		r.faults.add("revision %d: %v\ndoes not make this revision after %d", revision, writer,
			before.Revision)
		return false
	}
	outcome.State.Compacted = before.Compacted
	r.append(outcome)
	return true
}

func (r *replay) append(outcome reference.Outcome) {
	r.log.states = append(r.log.states, outcome.State)
	r.log.events = append(r.log.events, outcome.Events...)
}

// writer is the answered request that made a revision, or nil.
func (r *replay) writer(revision int64, before *reference.State) *history.Operation {
	var found *history.Operation
	for _, o := range r.byRevision[revision] {
		if !r.log.places[o].isWrite() {
			continue
		}
		if found != nil {
			r.faults.add("revision %d was given to two requests:\n%v\n%v", revision, found, o)
		}
		found = o
	}
	if found != nil {
		return found
	}
	for _, o := range r.byRevision[revision] {
		revoke, is := o.Request.(*pb.LeaseRevokeRequest)
		if is && len(before.Attached(revoke.ID)) > 0 && r.doubts.shown(revision, before, revoke) {
			return o
		}
	}
	return nil
}

// read compares what was read at a revision, and follows what changes no key: grants of leases,
// then compactions, then revocations of leases without keys.
func (r *replay) read(revision int64) {
	others := slices.Clone(r.byRevision[revision])
	slices.SortStableFunc(others, func(a, b *history.Operation) int { return rank(a) - rank(b) })
	for _, o := range others {
		if r.log.places[o].isWrite() {
			continue
		}
		state := r.log.states[revision]
		outcome := state.Uncompacted().Apply(o.Request)
		r.compare(o, outcome)
		if outcome.State.Revision != revision {
			r.faults.add("revision %d: %v\nshould have changed a key", revision, o)
			continue
		}
		outcome.State.Compacted = max(state.Compacted, outcome.State.Compacted)
		if rank(o) > 0 {
			r.log.states[revision] = outcome.State
		}
	}
}

// rank is the order in which requests that change no key are done at one revision; 0 is for those
// that change nothing at all.
func rank(o *history.Operation) int {
	switch o.Request.(type) {
	case *pb.LeaseGrantRequest:
		return 1
	case *pb.CompactionRequest:
		return 2
	case *pb.LeaseRevokeRequest:
		return 3
	default:
		return 0
	}
}

func (r *replay) compare(o *history.Operation, outcome reference.Outcome) {
	switch {
	case outcome.Failure != nil:
		r.faults.add("%v\nshould have failed: %q", o, outcome.Failure.Text)
	case !proto.Equal(outcome.Reply, o.Reply):
		r.faults.add("%v\nhas a wrong answer (-want +got):\n%s", o,
			cmp.Diff(outcome.Reply, o.Reply, protocmp.Transform()))
	}
}

// changesKeys tells from an answer that the request changed a key. The answer to the revocation of
// a lease does not tell.
func changesKeys(reply proto.Message) bool {
	switch r := reply.(type) {
	case *pb.PutResponse:
		return true
	case *pb.DeleteRangeResponse:
		return r.Deleted > 0
	case *pb.TxnResponse:
		return slices.ContainsFunc(r.Responses, func(operation *pb.ResponseOp) bool {
			switch inside := operation.Response.(type) {
			case *pb.ResponseOp_ResponsePut:
				return true
			case *pb.ResponseOp_ResponseDeleteRange:
				return inside.ResponseDeleteRange.Deleted > 0
			case *pb.ResponseOp_ResponseTxn:
				return changesKeys(inside.ResponseTxn)
			}
			return false
		})
	}
	return false
}

// sameChange compares two events, their previous values apart.
func sameChange(a, b *mvccpb.Event) bool {
	return a.Type == b.Type && proto.Equal(a.Kv, b.Kv)
}
