package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/labels"
	"kubase/tests/etcd/internal/reference"
)

// doubts are the requests of unknown outcome, with the expiry of leases, which nobody asks for. A
// revision that nobody was told of has to be the whole effect of one of them, and each of them
// happens at most once, not before it was called and not after it was settled.
type doubts struct {
	history  *history.History
	list     []*history.Operation
	timeline *timeline
	// observed has the events of the revisions, as watches of all keys showed them.
	observed map[int64][]*mvccpb.Event
	// explained has, for each revision that nobody was told of, the doubts that can be it.
	explained map[int64][]*history.Operation
	// revisions are the keys of explained in their order.
	revisions []int64
}

func newDoubts(h *history.History, t *timeline) *doubts {
	d := &doubts{
		history: h, timeline: t, observed: observedEvents(h),
		explained: map[int64][]*history.Operation{},
	}
	for _, o := range h.Operations {
		if o.Unknown() {
			d.list = append(d.list, o)
		}
		if grant, is := o.Request.(*pb.LeaseGrantRequest); is {
			d.list = append(d.list, expiry(o, grant))
		}
	}
	return d
}

// theServer is the client of what the server does by itself.
const theServer = -1

// expiry is what the server does when the time of a lease is over.
func expiry(o *history.Operation, grant *pb.LeaseGrantRequest) *history.Operation {
	return &history.Operation{
		Client: theServer, Call: o.Call + time.Duration(grant.TTL)*time.Second, Return: history.Never,
		Request: &pb.LeaseRevokeRequest{ID: grant.ID},
	}
}

// observedEvents collects what watches of all keys, without filters and selectors, have shown.
func observedEvents(h *history.History) map[int64][]*mvccpb.Event {
	observed := map[int64][]*mvccpb.Event{}
	for _, stream := range h.Streams {
		whole := map[int64]bool{} // the watches of all keys, by id
		open := map[int64][]*mvccpb.Event{}
		pending := []*pb.WatchCreateRequest{}
		for _, entry := range stream.Entries {
			if create := entry.Sent.GetCreateRequest(); create != nil {
				pending = append(pending, create)
			}
			response := entry.Received
			if response == nil {
				continue
			}
			if response.Created && len(pending) > 0 {
				whole[response.WatchId] = isWhole(pending[0])
				pending = pending[1:]
			}
			if !whole[response.WatchId] {
				continue
			}
			open[response.WatchId] = append(open[response.WatchId], response.Events...)
			if !response.Fragment {
				addObserved(observed, open[response.WatchId])
				open[response.WatchId] = nil
			}
		}
	}
	return observed
}

func isWhole(request *pb.WatchCreateRequest) bool {
	return string(request.Key) == "\x00" && string(request.RangeEnd) == "\x00" &&
		len(request.Filters) == 0 && labels.SelectorOf(request) == ""
}

// addObserved adds whole revisions; the first watch that shows one decides.
func addObserved(observed map[int64][]*mvccpb.Event, events []*mvccpb.Event) {
	for len(events) > 0 {
		revision, end := events[0].Kv.ModRevision, 1
		for end < len(events) && events[end].Kv.ModRevision == revision {
			end++
		}
		if observed[revision] == nil {
			observed[revision] = events[:end]
		}
		events = events[end:]
	}
}

// shown tells whether a revision can be the end of a lease, by what watches have shown of it: a put
// of unknown outcome may have made the revision, and taken the last key from the lease.
func (d *doubts) shown(revision int64, before *reference.State, revoke *pb.LeaseRevokeRequest) bool {
	events := d.observed[revision]
	return events == nil ||
		slices.EqualFunc(before.Uncompacted().Apply(revoke).Events, events, sameChange)
}

// explain finds the doubts that can have made a revision, and returns what they did; nil when there
// is none. What fails since the last answered compaction has made nothing: `before` knows of none
// that came later.
func (d *doubts) explain(revision int64, before *reference.State, f *faults) *reference.Outcome {
	events := d.observed[revision]
	if events == nil {
		f.add("revision %d belongs to no answered request, and no watch of all keys has shown it",
			revision)
		return nil
	}
	var best *reference.Outcome
	for _, o := range d.list {
		if !d.possible(o, revision) {
			continue
		}
		outcome := before.Apply(o.Request)
		if outcome.Failure != nil || !slices.EqualFunc(outcome.Events, events, sameChange) {
			continue
		}
		d.explained[revision] = append(d.explained[revision], o)
		// Between the end of a lease and a deletion of the same keys, the latter is assumed: then
		// the lease lives on, which allows more.
		_, revoke := o.Request.(*pb.LeaseRevokeRequest)
		if best == nil || !revoke {
			best = &outcome
		}
	}
	if best == nil {
		f.add("revision %d is no whole change of any request without an answer: %s", revision,
			describeEvents(events))
		return nil
	}
	d.revisions = append(d.revisions, revision)
	return best
}

// possible tells whether real time allows that a doubt made a revision. A lease can end in any
// process of the server.
func (d *doubts) possible(o *history.Operation, revision int64) bool {
	settled := history.Never
	if o.Client != theServer {
		settled = d.history.Settled(o)
	}
	return d.timeline.after(o.Call) < writeAt(revision) &&
		d.timeline.before(settled) > writeAt(revision)
}

// assign gives each explained revision a doubt of its own, and notes its place in the log.
func (d *doubts) assign(l *Log, f *faults) {
	taken := map[*history.Operation]int64{}
	for _, revision := range d.revisions {
		if !d.match(revision, taken, map[*history.Operation]bool{}) {
			f.add("revision %d can only be a request that has happened once already: %v", revision,
				d.explained[revision][0])
		}
	}
	for o, revision := range taken {
		l.places[o] = writeAt(revision)
		if o.Client == theServer {
			l.expiries = append(l.expiries, o)
		}
	}
}

// match finds a doubt for a revision, where others may have to move (an augmenting path).
func (d *doubts) match(revision int64, taken map[*history.Operation]int64,
	visited map[*history.Operation]bool,
) bool {
	for _, o := range d.explained[revision] {
		if visited[o] {
			continue
		}
		visited[o] = true
		if other, is := taken[o]; !is || d.match(other, taken, visited) {
			taken[o] = revision
			return true
		}
	}
	return false
}

func describeEvents(events []*mvccpb.Event) string {
	lines := []string{}
	for _, event := range events {
		lines = append(lines, describeEvent(event))
	}
	return strings.Join(lines, "; ")
}

func describeEvent(event *mvccpb.Event) string {
	if event == nil {
		return "none"
	}
	text := fmt.Sprintf("%v %q at %d", event.Type, event.Kv.Key, event.Kv.ModRevision)
	if event.Type == mvccpb.Event_PUT {
		text += fmt.Sprintf(" (created %d, version %d, lease %d, value %q)",
			event.Kv.CreateRevision, event.Kv.Version, event.Kv.Lease, event.Kv.Value)
	}
	if prev := event.PrevKv; prev != nil {
		text += fmt.Sprintf(" after %q at %d", prev.Value, prev.ModRevision)
	}
	return text
}
