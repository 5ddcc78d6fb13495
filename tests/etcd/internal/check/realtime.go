package check

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"kubase/tests/etcd/internal/history"
)

// timeline is the order of everything in real time, as far as it bounds the order of the places.
type timeline struct {
	// reached has the moments at which a higher place became known to be reached.
	reached []milestone
	// calls has the moments of the calls, each with the lowest place of this call and of all later
	// ones.
	calls []milestone
}

type milestone struct {
	at    time.Duration
	place position
}

// after is the highest place that was known to be reached before a moment: what is called then has
// no lower one.
func (t *timeline) after(moment time.Duration) position {
	i := sort.Search(len(t.reached), func(i int) bool { return t.reached[i].at >= moment })
	if i == 0 {
		return readAt(0)
	}
	return t.reached[i-1].place
}

// before is the lowest place of what was called after a moment: what was settled then has no higher
// one.
func (t *timeline) before(moment time.Duration) position {
	i := sort.Search(len(t.calls), func(i int) bool { return t.calls[i].at > moment })
	if i == len(t.calls) {
		return math.MaxInt64
	}
	return t.calls[i].place
}

func newTimeline(h *history.History, places map[*history.Operation]position) *timeline {
	returns, t := observations(h), &timeline{}
	for _, o := range h.Operations {
		place, known := places[o]
		if !known {
			continue
		}
		t.calls = append(t.calls, milestone{o.Call, place})
		if settled := h.Settled(o); settled != history.Never {
			returns = append(returns, milestone{settled, place})
		}
	}
	byTime := func(a, b milestone) int { return cmp.Compare(a.at, b.at) }
	slices.SortFunc(returns, byTime)
	slices.SortFunc(t.calls, byTime)
	for i := len(t.calls) - 2; i >= 0; i-- {
		t.calls[i].place = min(t.calls[i].place, t.calls[i+1].place)
	}
	highest := position(0)
	for _, m := range returns {
		if m.place > highest {
			highest = m.place
			t.reached = append(t.reached, m)
		}
	}
	return t
}

// observations are the revisions that watch responses show.
func observations(h *history.History) []milestone {
	seen := []milestone{}
	for _, stream := range h.Streams {
		for _, entry := range stream.Entries {
			if revision := entry.Received.GetHeader().GetRevision(); revision > 0 {
				seen = append(seen, milestone{entry.At, readAt(revision)})
			}
		}
	}
	return seen
}

// checkRealTime finds operations whose place is before one that was reached when they were called:
// stale reads, and writes that came too late or went back. Together with a replay in the order of
// the places this is strict serializability.
func checkRealTime(h *history.History, l *Log, t *timeline, f *faults) {
	for _, o := range h.Operations {
		place, known := l.places[o]
		if !known || mayBeStale(o) {
			continue
		}
		after := t.after(o.Call)
		if place < after || place == after && place.isWrite() {
			f.add("%v\ntook effect at revision %d, but revision %d had been seen before the call",
				o, place.revision(), after.revision())
		}
	}
}
