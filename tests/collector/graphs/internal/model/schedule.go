package model

import (
	"math/rand/v2"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubase/tests/collector/graphs/internal/graph"
)

// schedules is in how many orders a phase is run.
const schedules = 300

// Draw makes the graph of a seed: the first of those it stands for that has one end after each
// phase, in whatever order the collector works. It returns these ends, and how many graphs were
// drawn.
func Draw(seed int64) (*graph.Graph, []graph.State, int) {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for drawn := 1; ; drawn++ {
		g := graph.Draw(seed, random)
		if ends := Ends(g, random); ends != nil {
			return g, ends, drawn
		}
	}
}

// Ends returns the state after each phase; nil if there is one phase that has several, or one that
// upstream may not come to.
func Ends(g *graph.Graph, random *rand.Rand) []graph.State {
	var ends []graph.State
	before := newWorld(g)
	for _, phase := range g.Phases {
		var end graph.State
		var after *world
		for range schedules {
			w := before.copy(random)
			w.run(phase)
			state := w.state()
			if w.unseen || end != nil && state.Text(len(g.Objects), false) != end.Text(len(g.Objects), false) {
				return nil
			}
			end, after = state, w
		}
		ends = append(ends, end)
		before = after
	}
	return ends
}

// run takes the steps of a phase, and of the collector between them, until nothing happens any
// more. Some objects get the collector's attention much later than others, which is where most
// differences come from.
func (w *world) run(steps []graph.Step) {
	n := len(w.live)
	haste := make([]float64, n)
	for number := range haste {
		haste[number] = []float64{1, 1, 0.1, 0.01}[w.IntN(4)]
	}
	pace := []int{1, 2, 10, 50}[w.IntN(4)] // of the collector, for each step of the user
	for _, step := range steps {
		w.user(step)
		for range w.IntN(pace * n) {
			w.anything(haste)
		}
	}
	for range w.IntN(40 * n) {
		w.anything(haste)
	}
	w.settle()
}

// anything lets the collector do something.
func (w *world) anything(haste []float64) {
	number := w.IntN(len(w.live))
	if w.Float64() > haste[number] {
		return
	}
	switch w.IntN(12) {
	case 0:
		w.forget(number)
	case 1, 2, 3:
		w.observe(number)
	case 4, 5:
		w.orphan(number)
	default:
		w.attempt(number)
	}
}

// settle lets the collector finish: first what it has begun, which may be out of date by now.
func (w *world) settle() {
	w.finish(func(number int) bool { return w.attempts[number] != nil },
		func(number int) bool { return w.orphaned[number] != nil })
	always := func(int) bool { return true }
	for before := -1; before != w.changes; {
		before = w.changes
		w.finish(always, always)
	}
}

// finish comes to all objects once, to those that are to be attempted and orphaned.
func (w *world) finish(attempted, orphaned func(number int) bool) {
	for _, number := range w.Perm(len(w.live)) {
		w.observe(number)
		for attempted(number) && w.attempt(number) {
		}
		for orphaned(number) && w.orphan(number) {
		}
	}
}

// state is what the comparison looks at.
func (w *world) state() graph.State {
	state := graph.State{}
	for number, o := range w.live {
		if !o.exists {
			continue
		}
		s := &graph.ObjectState{Deleting: o.deleting, Grace: -1}
		if o.deleting {
			s.Grace = 0
		}
		finalizers := []struct {
			present bool
			name    string
		}{{o.held, graph.HoldFinalizer}, {o.orphan, metav1.FinalizerOrphanDependents},
			{o.foreground, metav1.FinalizerDeleteDependents}}
		for _, finalizer := range finalizers {
			if finalizer.present {
				s.Finalizers = append(s.Finalizers, finalizer.name)
			}
		}
		for _, r := range o.references {
			s.References = append(s.References, w.graph.OwnerReference(r, "",
				func(owner int) types.UID { return graph.UIDOf(owner) }))
		}
		state[number] = s
	}
	return state
}
