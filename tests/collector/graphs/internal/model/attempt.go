package model

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubase/tests/collector/graphs/internal/graph"
)

// attempt takes one step of upstream's attemptToDeleteItem; it tells whether there are more.
func (w *world) attempt(number int) bool {
	switch {
	case w.attempts[number] == nil:
		return w.begin(number)
	case len(w.attempts[number].standings) < len(w.attempts[number].references):
		return w.lookUp(number)
	}
	w.conclude(number)
	w.attempts[number] = nil
	return false
}

func (w *world) begin(number int) bool {
	o, s := w.live[number], w.seen[number]
	if !s.exists || !o.exists || s.deleting && !s.deletesDependents {
		return false
	}
	if s.deletesDependents {
		w.finishForeground(number)
		return false
	}
	if len(o.references) == 0 {
		return false
	}
	w.attempts[number] = &attempt{policy: policyOf(o), references: o.references}
	return true
}

func policyOf(o object) metav1.DeletionPropagation {
	switch {
	case o.orphan:
		return metav1.DeletePropagationOrphan
	case o.foreground:
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

func (w *world) finishForeground(number int) {
	blocking := w.dependents(number, func(_ int, r graph.Reference) bool {
		return r.Block == graph.True
	})
	if len(blocking) == 0 && w.live[number].foreground {
		w.live[number].foreground = false
		w.changes++
		w.end(number)
	}
}

// lookUp looks at the next owner. A reference that cannot be read ends the attempt.
func (w *world) lookUp(number int) bool {
	a := w.attempts[number]
	target := w.graph.Resolve(number, a.references[len(a.standings)])
	if target.Unreadable {
		w.attempts[number] = nil
		return false
	}
	found := dangling
	if target.Found >= 0 && w.live[target.Found].exists {
		found = solid
		if owner := w.live[target.Found]; owner.deleting && owner.foreground {
			found = waiting
		}
	}
	a.standings = append(a.standings, found)
	return true
}

func (w *world) conclude(number int) {
	a, o := w.attempts[number], &w.live[number]
	switch {
	case !o.exists:
	case slices.Contains(a.standings, solid):
		w.dropReferences(number, func(r graph.Reference) bool {
			return slices.ContainsFunc(a.references, func(old graph.Reference) bool {
				same := old.Owner == r.Owner && old.Fault == r.Fault
				return same && a.standings[slices.Index(a.references, old)] != solid
			})
		})
	case !slices.Equal(o.references, a.references): // a conflict; there will be another attempt
	case slices.Contains(a.standings, waiting) && w.hasDependents(number):
		if w.closesCircle(number) && w.unblock(number) {
			return // the deletion has a conflict with that; there will be another attempt
		}
		w.delete(number, metav1.DeletePropagationForeground)
	default:
		w.delete(number, a.policy)
	}
}

func (w *world) hasDependents(number int) bool {
	return len(w.dependents(number, func(int, graph.Reference) bool { return true })) > 0
}

func (w *world) closesCircle(number int) bool {
	return len(w.dependents(number, func(dependent int, _ graph.Reference) bool {
		return w.seen[dependent].deletesDependents
	})) > 0
}

// unblock keeps an object from blocking its owners, and tells whether it did. In the two kinds of
// patches that upstream sends, it changes only what blocks, or every reference.
func (w *world) unblock(number int) bool {
	o := &w.live[number]
	changed := slices.Clone(o.references)
	for i := range changed {
		if changed[i].Block == graph.True || w.graph.Objects[number].Kind.Custom() {
			changed[i].Block = graph.False
		}
	}
	if slices.Equal(changed, o.references) {
		return false
	}
	o.references = changed
	w.changes++
	return true
}

// orphan takes one step of upstream's attemptToOrphanWorker; it tells whether there are more.
func (w *world) orphan(number int) bool {
	if w.orphaned[number] == nil {
		if !w.seen[number].orphan || !w.live[number].orphan {
			return false
		}
		w.orphaned[number] = append([]int{-1}, // the last step, which is the end of it
			w.dependents(number, func(int, graph.Reference) bool { return true })...)
		return true
	}
	rest := w.orphaned[number]
	if len(rest) > 1 {
		next := 1 + w.IntN(len(rest)-1)
		w.dropReferences(rest[next], func(r graph.Reference) bool {
			return w.graph.Resolve(rest[next], r).Owner == number
		})
		w.orphaned[number] = slices.Delete(rest, next, next+1)
		return true
	}
	w.orphaned[number] = nil
	if w.live[number].orphan {
		w.live[number].orphan = false
		w.changes++
		w.end(number)
	}
	return false
}
