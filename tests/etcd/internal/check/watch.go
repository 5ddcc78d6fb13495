package check

import (
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/model"
)

// watch is one watch of a stream, held against the log.
type watch struct {
	check   *streamCheck
	request *pb.WatchCreateRequest
	// compacted is what the store was known to be compacted to before the request was sent.
	compacted int64
	// earliest is the first revision that a watch from now on can begin with.
	earliest int64
	// next is the index in the log of the next event to come, or of one before it that does not
	// match; -1 until a watch from now on has begun.
	next int
	// needed is the lowest revision of which the client cannot know that it has everything.
	needed int64
	// promised is the revision of the last progress.
	promised int64
	// last is the revision of the last event.
	last int64
	// inFragments tells that the last response was a fragment, and not the last one.
	inFragments bool
	// broken tells that a fault was found: what follows from it is not reported.
	broken bool
}

func (s *streamCheck) newWatch(request *pb.WatchCreateRequest, at time.Duration) *watch {
	w := &watch{
		check: s, request: request, next: -1, compacted: s.compactions.certain(at),
		earliest: s.timeline.after(at).revision() + 1,
	}
	if request.StartRevision > 0 {
		w.next, w.needed = s.log.from(request.StartRevision), request.StartRevision
	}
	return w
}

// announce is the answer to the create request. A watch from now on begins after a revision that is
// not older than any that was seen before the request.
func (w *watch) announce(response *pb.WatchResponse) {
	revision := response.Header.GetRevision()
	if revision+1 < w.earliest {
		w.fault(response, "is older than revision %d, which was seen before", w.earliest-1)
	}
	if w.request.StartRevision == 0 {
		w.needed = revision + 1
	}
}

// begin finds the first event of a watch from now on. The server can have begun it before the
// revision that it announced, but only with a whole revision; all later events have to come.
func (w *watch) begin(first int64) {
	if w.next >= 0 {
		return
	}
	if first < w.needed && first >= w.earliest {
		w.next = w.check.log.from(first)
		return
	}
	w.next = w.check.log.from(w.needed)
}

func (w *watch) events(entry history.Entry) {
	response := entry.Received
	if w.broken {
		return
	}
	if w.request.StartRevision > 0 && w.request.StartRevision < w.compacted {
		w.fault(response, "has events from %d on, after a compaction to %d",
			w.request.StartRevision, w.compacted)
		return
	}
	w.begin(response.Events[0].Kv.ModRevision)
	for _, event := range response.Events {
		if !w.event(response, event, entry.At) {
			return
		}
	}
	w.close(response)
}

// event compares one event with the next one of the log that matches.
func (w *watch) event(response *pb.WatchResponse, got *mvccpb.Event, at time.Duration) bool {
	want := w.expected(got, at)
	if want == nil || !sameChange(want, got) {
		w.fault(response, "has the event %s\nwhere the next is %s", describeEvent(got),
			describeEvent(want))
		return false
	}
	revision := got.Kv.ModRevision
	if !w.rightPrevious(want, got, at) {
		w.fault(response, "has a wrong previous value: %s\nshould be %s (compacted at most to %d)",
			describeEvent(got), describeEvent(want), w.check.compactions.possible(at, nil))
		return false
	}
	if revision <= w.promised {
		w.fault(response, "has an event of %d after progress %d", revision, w.promised)
		return false
	}
	w.next++
	w.last = revision
	return true
}

// following is the next event that matches, or nil at the end of the log.
func (w *watch) following() *mvccpb.Event {
	for ; w.next < len(w.check.log.events); w.next++ {
		if event := w.check.log.events[w.next]; model.Matches(w.request, event) {
			return event
		}
	}
	return nil
}

// expected is the following event, or one before it that came because the server had lost the
// previous value to a compaction: then the value might have matched, so that a watch with a
// selector gets the event. Nobody outside can tell whether it was lost already or was still there,
// so such an event can be missing too. One that matches in truth has to come in either case.
func (w *watch) expected(got *mvccpb.Event, at time.Duration) *mvccpb.Event {
	forgotten := w.mayBeForgotten(got, at)
	for ; w.next < len(w.check.log.events); w.next++ {
		event := w.check.log.events[w.next]
		if model.Matches(w.request, event) {
			return event
		}
		if forgotten && sameChange(event, got) && model.MatchesForgotten(w.request, event) {
			w.check.report.Forgotten++
			return event
		}
	}
	return nil
}

// mayBeForgotten tells that an event has no previous value, and that a compaction can be the cause.
func (w *watch) mayBeForgotten(got *mvccpb.Event, at time.Duration) bool {
	return got.PrevKv == nil && got.Kv.ModRevision <= w.check.compactions.possible(at, nil)
}

// rightPrevious checks the previous value. It may be missing only where it is below the compacted
// revision.
func (w *watch) rightPrevious(want, got *mvccpb.Event, at time.Duration) bool {
	if !w.request.PrevKv {
		return got.PrevKv == nil
	}
	if got.PrevKv == nil && w.check.options.PreviousMayMiss || w.mayBeForgotten(got, at) {
		return true
	}
	return proto.Equal(want.PrevKv, got.PrevKv)
}

// close checks the end of a response with events: a revision is not split but between fragments.
func (w *watch) close(response *pb.WatchResponse) {
	if response.Header.GetRevision() < w.last {
		w.fault(response, "has a header older than its events")
	}
	w.inFragments = response.Fragment
	if response.Fragment {
		w.check.report.Fragments++
		if !w.request.Fragment {
			w.fault(response, "is a fragment, which was not asked for")
		}
		w.needed = max(w.needed, w.last)
		return
	}
	w.needed = max(w.needed, w.last+1)
	if next := w.following(); next != nil && next.Kv.ModRevision == w.last {
		w.fault(response, "ends before the whole of its last revision: %s is missing",
			describeEvent(next))
	}
}

// progress checks a promise that everything up to its revision was sent.
func (w *watch) progress(response *pb.WatchResponse) {
	revision := response.Header.GetRevision()
	if w.broken {
		return
	}
	w.begin(w.needed)
	next := w.following()
	switch {
	case w.request.StartRevision > 0 && w.request.StartRevision < w.compacted:
		w.fault(response, "is progress of a watch from %d, after a compaction to %d",
			w.request.StartRevision, w.compacted)
	case revision < w.promised || revision < w.last:
		w.fault(response, "goes back; before were progress %d and an event of %d", w.promised,
			w.last)
	case revision < w.request.StartRevision:
		w.fault(response, "is progress before the start %d", w.request.StartRevision)
	case next != nil && next.Kv.ModRevision <= revision:
		w.fault(response, "is too early: %s was not sent", describeEvent(next))
	case w.inFragments:
		w.fault(response, "comes after a fragment that was not the last one")
	default:
		w.promised = revision
		w.needed = max(w.needed, revision+1)
	}
}

func (w *watch) fault(response *pb.WatchResponse, format string, args ...any) {
	w.broken = true
	w.check.fault(response, "(watch of %s) "+format,
		append([]any{history.Short(w.request)}, args...)...)
}
