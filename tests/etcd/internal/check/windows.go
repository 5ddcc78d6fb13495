package check

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
)

// windowOperations is about how many operations one window has.
const windowOperations = 120

// window is the operations with places of the revisions (after, last]; the first one has revision 1
// too.
type window struct {
	after, last int64
	start       *reference.State
	operations  []*history.Operation
}

// checkWindows cuts the history at revisions and lets porcupine search for an order of the
// operations of each window, from the state before it, which only has to agree with real time and
// with the answers. The order of the replay plays no part in it.
func checkWindows(h *history.History, l *Log, t *timeline, options Options, report *Report,
	f *faults,
) {
	windows := cutWindows(h, l)
	addFailures(h, t, windows)
	for _, w := range choose(windows, options.Windows) {
		result, info := porcupine.CheckOperationsVerbose(linearModel(w.start),
			w.forPorcupine(h), options.Timeout)
		switch result {
		case porcupine.Ok:
			report.Windows++
		case porcupine.Unknown:
			report.Undecided++
		default:
			f.add("no order explains the answers between revisions %d and %d; stuck before one of\n%s",
				w.after, w.last, w.stuck(info))
		}
	}
}

// cutWindows puts every operation that took effect in a window.
func cutWindows(h *history.History, l *Log) []*window {
	placed := []*history.Operation{}
	for _, o := range slices.Concat(h.Operations, l.expiries) {
		if _, is := l.places[o]; is && !mayBeStale(o) {
			placed = append(placed, o)
		}
	}
	slices.SortStableFunc(placed, func(a, b *history.Operation) int {
		return cmp.Compare(l.places[a], l.places[b])
	})
	windows := []*window{{after: 1, last: 1, start: reference.Empty()}}
	for _, o := range placed {
		w, revision := windows[len(windows)-1], l.places[o].revision()
		if len(w.operations) >= windowOperations && revision > w.last {
			w = &window{after: w.last, start: l.states[w.last]}
			windows = append(windows, w)
		}
		w.last = revision
		w.operations = append(w.operations, o)
	}
	return windows
}

// addFailures puts a refused request in the window in which it must have been decided, when there
// is only one. With compactions or leases of unknown fate the error can have a cause that no window
// knows; then it is left to checkFailures.
func addFailures(h *history.History, t *timeline, windows []*window) {
	if slices.ContainsFunc(h.Operations, fateUnknown) {
		return
	}
	for _, o := range h.Operations {
		if o.Failure == nil {
			continue
		}
		after, before := t.after(o.Call).revision(), t.before(o.Return).revision()
		at := slices.IndexFunc(windows, func(w *window) bool {
			return w.after < after && before <= w.last
		})
		if at >= 0 {
			windows[at].operations = append(windows[at].operations, o)
		}
	}
}

// fateUnknown tells an operation that can change leases or the compacted revision at a moment that
// nobody knows.
func fateUnknown(o *history.Operation) bool {
	switch r := o.Request.(type) {
	case *pb.CompactionRequest, *pb.LeaseRevokeRequest:
		return o.Unknown()
	case *pb.LeaseGrantRequest:
		return o.Unknown() || r.TTL < longLease
	}
	return false
}

// longLease is a TTL in seconds that no history outlasts.
const longLease = 600

// choose takes some windows, spread evenly.
func choose(windows []*window, count int) []*window {
	if count == 0 || count >= len(windows) {
		return windows
	}
	chosen := []*window{}
	for i := range count {
		chosen = append(chosen, windows[i*len(windows)/count])
	}
	return chosen
}

func (w *window) forPorcupine(h *history.History) []porcupine.Operation {
	operations := []porcupine.Operation{}
	for _, o := range w.operations {
		settled := h.Settled(o)
		if settled == history.Never {
			settled = math.MaxInt64
		}
		operations = append(operations, porcupine.Operation{
			ClientId: o.Client + 1, Input: o, Output: o, Call: int64(o.Call),
			Return: int64(settled),
		})
	}
	return operations
}

// linearModel is the reference as porcupine wants it. Of a request without an answer any effect is
// accepted, none too.
func linearModel(start *reference.State) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, output any) (bool, any) {
			o := output.(*history.Operation)
			outcome := state.(*reference.State).Apply(input.(*history.Operation).Request)
			switch {
			case o.Unknown():
				return true, outcome.State
			case o.Failure != nil:
				return outcome.Failure != nil && *outcome.Failure == *o.Failure, outcome.State
			default:
				return proto.Equal(outcome.Reply, o.Reply), outcome.State
			}
		},
		Equal: func(a, b any) bool { return a.(*reference.State).Equal(b.(*reference.State)) },
		Hash:  func(state any) uint64 { return state.(*reference.State).Hash() },
	}
}

// stuck describes the operations that follow the longest order that was found.
func (w *window) stuck(info porcupine.LinearizationInfo) string {
	longest := []porcupine.Operation{}
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, partial := range partition {
			if len(partial) > len(longest) {
				longest = partial
			}
		}
	}
	done := map[*history.Operation]bool{}
	for _, o := range longest {
		done[o.Input.(*history.Operation)] = true
	}
	left := slices.DeleteFunc(slices.Clone(w.operations), func(o *history.Operation) bool {
		return done[o]
	})
	slices.SortFunc(left, func(a, b *history.Operation) int { return cmp.Compare(a.Call, b.Call) })
	lines := []string{}
	for _, o := range left[:min(8, len(left))] {
		lines = append(lines, o.String())
	}
	return strings.Join(lines, "\n")
}
