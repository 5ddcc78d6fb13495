package check

import (
	"fmt"
	"sort"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
)

// Log is what happened to the store, revision by revision, as far as a replay came.
type Log struct {
	// states has the state after the last request of each revision; the index is the revision.
	states []*reference.State
	events []*mvccpb.Event
	// places tells when each operation took effect; a request that failed, or that never happened,
	// has none.
	places map[*history.Operation]position
	// expiries are the ends of leases that changed keys.
	expiries []*history.Operation
}

func newLog() *Log {
	return &Log{
		states: []*reference.State{nil, reference.Empty()},
		places: map[*history.Operation]position{},
	}
}

// Last is the highest revision.
func (l *Log) Last() int64 { return int64(len(l.states) - 1) }

// from is the index of the first event with this revision or a higher one.
func (l *Log) from(revision int64) int {
	return sort.Search(len(l.events), func(i int) bool {
		return l.events[i].Kv.ModRevision >= revision
	})
}

// at is the events of one revision.
func (l *Log) at(revision int64) []*mvccpb.Event {
	return l.events[l.from(revision):l.from(revision+1)]
}

// position is a place in the one order of all operations: what changes revision r comes at 2r, and
// what sees revision r afterwards, at 2r+1.
type position int64

func writeAt(revision int64) position { return position(2 * revision) }

func readAt(revision int64) position { return position(2*revision + 1) }

func (p position) revision() int64 { return int64(p) / 2 }

func (p position) isWrite() bool { return p%2 == 0 }

// faults collects what is wrong; a history with one fault often has many that follow from it.
type faults struct {
	list []string
	more int
}

const maxFaults = 10

func (f *faults) add(format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fmt.Sprintf(format, args...))
}
