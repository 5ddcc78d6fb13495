// Package check decides whether a recorded history of a store with the etcd API is what the API
// promises: strictly serializable, nothing acknowledged lost, nothing done in part, and watches
// that miss, repeat and reorder nothing. It does so in three ways that share nothing but the
// reference: a replay in the order of the revisions, a search for any order on short windows
// (porcupine), and a comparison of all watch responses with the log of the replay.
package check

import (
	"fmt"
	"strings"
	"time"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/labels"
)

// Options limit the work.
type Options struct {
	// Windows is how many windows porcupine gets, spread over the history; 0 is all of them.
	Windows int
	// Timeout is how long porcupine may search in one window.
	Timeout time.Duration
	// PreviousMayMiss accepts events without the previous value that was asked for, anywhere; else
	// it may be missing only below the compacted revision.
	PreviousMayMiss bool
}

// Report is what was checked and what is wrong.
type Report struct {
	Revisions, Operations, Events int
	// Unknown counts the requests of unknown outcome, Happened those of them that happened.
	Unknown, Happened int
	// Streams and Watches count what was validated, Responses their messages; Progress and Fragments
	// are those of these kinds, Overtaken the watches that compaction ended.
	Streams, Watches, Responses, Progress, Fragments, Overtaken int
	// SelectingRanges and SelectingWatches are those with a selector; Forgotten counts the events that
	// only such a watch gets whose server has lost the previous value to a compaction.
	SelectingRanges, SelectingWatches, Forgotten int
	// Windows counts those that porcupine found linearizable, Undecided those where it gave up.
	Windows, Undecided int
	// Faults is empty when the history is right.
	Faults []string
}

// Err is the faults as one error, nil when there are none.
func (r *Report) Err() error {
	if len(r.Faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d faults:\n\n%s", len(r.Faults), strings.Join(r.Faults, "\n\n"))
}

// String is the numbers on one line.
func (r *Report) String() string {
	return fmt.Sprintf("%d operations (%d unknown, %d of them happened), %d revisions, %d events, "+
		"%d watches on %d streams (%d overtaken by compaction) with %d responses (%d progress, "+
		"%d fragments), selectors on %d ranges and %d watches (%d events of forgotten values), "+
		"%d windows by porcupine (%d undecided)",
		r.Operations, r.Unknown, r.Happened, r.Revisions, r.Events, r.Watches, r.Streams,
		r.Overtaken, r.Responses, r.Progress, r.Fragments, r.SelectingRanges, r.SelectingWatches,
		r.Forgotten, r.Windows, r.Undecided)
}

// History checks a whole history.
func History(h *history.History, options Options) *Report {
	f := &faults{}
	r := newReplay(h, f)
	r.run()
	report := &Report{
		Operations: len(h.Operations), Revisions: int(r.log.Last() - 1),
		Events: len(r.log.events), Streams: len(h.Streams),
	}
	countOperations(h, r.log, report)
	if r.log.Last() == r.last { // else what follows only repeats where it stopped
		line := newTimeline(h, r.log.places)
		all := compactionsOf(h)
		if len(f.list) == 0 { // with the places that the replay found
			checkRealTime(h, r.log, line, f)
		}
		checkFailures(h, line, all, f)
		for _, stream := range h.Streams {
			s := &streamCheck{
				history: h, stream: stream, log: r.log, timeline: line, compactions: all,
				options: options, faults: f,
				live: map[int64]*watch{}, canceled: map[int64]bool{}, report: report,
			}
			s.run()
		}
		checkWindows(h, r.log, line, options, report, f)
	}
	report.Faults = f.list
	if f.more > 0 {
		report.Faults = append(report.Faults, fmt.Sprintf("and %d more", f.more))
	}
	return report
}

func countOperations(h *history.History, l *Log, report *Report) {
	for _, o := range h.Operations {
		if labels.SelectorOf(o.Request) != "" {
			report.SelectingRanges++
		}
		if !o.Unknown() {
			continue
		}
		report.Unknown++
		if _, happened := l.places[o]; happened {
			report.Happened++
		}
	}
}
