// Package model has the rules of upstream's garbage collector (pkg/controller/garbagecollector of
// Kubernetes 1.37) in so small a form that a graph can be run through them hundreds of times, each
// time in another order. Its use is to find out which graphs have one end only: upstream's workers
// run side by side on a picture of the cluster that lags behind, and where the end depends on who is
// first, there is nothing to compare.
//
// An object is looked at again as long as that changes anything. Upstream looks at it when
// something happened that may matter; the test of two upstreams shows that it comes to the same.
package model

import (
	"math/rand/v2"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubase/tests/collector/graphs/internal/graph"
)

// object is what the server has of an object.
type object struct {
	exists, deleting         bool
	held, orphan, foreground bool // its finalizers
	references               []graph.Reference
}

// sight is what the collector has seen of an object.
type sight struct {
	exists, deleting, orphan bool
	// deletesDependents is set once for all, as upstream does it: it stays when the finalizer goes.
	deletesDependents bool
	references        []graph.Reference
}

// attempt is a look at the owners of an object, one after another, before something is done.
type attempt struct {
	policy     metav1.DeletionPropagation
	references []graph.Reference
	standings  []standing
}

// standing is what becomes of an owner.
type standing int

const (
	solid standing = iota
	dangling
	waiting
)

// world is a cluster with a collector in it.
type world struct {
	*rand.Rand
	graph    *graph.Graph
	live     []object
	seen     []sight
	attempts []*attempt
	orphaned [][]int // the dependents that are still to be told, of owners that leave them behind
	changes  int     // counts what has changed, so that an end can be seen
	// unseen is set when something has come to matter that upstream does not look at again, or only
	// after minutes.
	unseen bool
}

func newWorld(g *graph.Graph) *world {
	n := len(g.Objects)
	return &world{graph: g, live: make([]object, n), seen: make([]sight, n),
		attempts: make([]*attempt, n), orphaned: make([][]int, n)}
}

// copy is the same world at rest.
func (w *world) copy(random *rand.Rand) *world {
	c := newWorld(w.graph)
	c.Rand = random
	copy(c.live, w.live)
	copy(c.seen, w.seen)
	return c
}

// user does what a step says; labels concern no collector of upstream.
func (w *world) user(step graph.Step) {
	o := &w.live[step.Object]
	if step.Action != graph.Create && !o.exists {
		return
	}
	w.changes++
	switch step.Action {
	case graph.Create:
		*o = object{exists: true, held: w.graph.Objects[step.Object].Held,
			references: step.References}
		w.unseen = w.unseen || w.comesTooLate(step)
	case graph.SetReferences:
		o.references = step.References
	case graph.Delete:
		w.delete(step.Object, step.Policy)
	case graph.Release:
		o.held = false
		w.end(step.Object)
	}
}

// comesTooLate tells of an object with an owner that already waits for its dependents: upstream
// looks at it only when something else happens to the owner.
func (w *world) comesTooLate(creation graph.Step) bool {
	return slices.ContainsFunc(creation.References, func(r graph.Reference) bool {
		owner := w.graph.Resolve(creation.Object, r).Owner
		return owner >= 0 && w.live[owner].deleting && w.live[owner].foreground
	})
}

// delete is what a server does when it is asked to delete.
func (w *world) delete(number int, policy metav1.DeletionPropagation) {
	o := &w.live[number]
	before := *o
	if policy != "" {
		o.orphan = policy == metav1.DeletePropagationOrphan
		o.foreground = policy == metav1.DeletePropagationForeground
	}
	o.deleting = true
	w.end(number)
	if o.orphan != before.orphan || o.foreground != before.foreground || !before.deleting {
		w.changes++
	}
}

// end removes an object that is being deleted if nothing keeps it.
func (w *world) end(number int) {
	o := &w.live[number]
	if o.deleting && !o.held && !o.orphan && !o.foreground {
		*o = object{}
		w.changes++
	}
}

// observe shows the collector what has become of an object.
func (w *world) observe(number int) {
	o, s := w.live[number], &w.seen[number]
	deletes := o.exists && (s.deletesDependents || o.deleting && o.foreground)
	now := sight{o.exists, o.deleting, o.deleting && o.orphan, deletes, o.references}
	if now.exists != s.exists || now.deleting != s.deleting || now.orphan != s.orphan ||
		now.deletesDependents != s.deletesDependents ||
		!slices.Equal(now.references, s.references) {
		w.changes++
	}
	*s = now
}

// forget is a new start of the collector, for one object.
func (w *world) forget(number int) {
	w.seen[number] = sight{}
	w.observe(number)
}

// dependents are those that the collector knows of, by the UID in their references alone.
func (w *world) dependents(owner int, wanted func(dependent int, r graph.Reference) bool) []int {
	var found []int
	for number := range w.seen {
		if w.seen[number].exists && slices.ContainsFunc(w.seen[number].references,
			func(r graph.Reference) bool {
				return w.graph.Resolve(number, r).Owner == owner && wanted(number, r)
			}) {
			found = append(found, number)
		}
	}
	return found
}

// dropReferences removes references from an object.
func (w *world) dropReferences(number int, drop func(r graph.Reference) bool) {
	o := &w.live[number]
	kept := slices.DeleteFunc(slices.Clone(o.references), drop)
	if !o.exists || len(kept) == len(o.references) {
		return
	}
	if len(kept) > 0 && w.unreadable(number, o.references) && !w.unreadable(number, kept) {
		w.unseen = true
	}
	o.references = kept
	w.changes++
}

func (w *world) unreadable(number int, references []graph.Reference) bool {
	return slices.ContainsFunc(references, func(r graph.Reference) bool {
		return w.graph.Resolve(number, r).Unreadable
	})
}
