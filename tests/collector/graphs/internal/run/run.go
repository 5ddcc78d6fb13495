package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubase/tests/collector/graphs/internal/graph"
)

// beats is for how long nothing may happen before states are final.
const beats = 2

// Pair is our control plane beside upstream's.
type Pair struct {
	Ours, Upstream *Side
	// Patience is for how long states may differ.
	Patience time.Duration
}

// Difference is a graph that did not end equally.
type Difference struct {
	Phase                    int // one more than there are for what could not be removed
	Ours, Upstream, Expected string
	Reason                   string
}

func (d *Difference) Error() string {
	return fmt.Sprintf("phase %d: %s\n--- ours\n%s\n--- upstream\n%s\n--- by the model\n%s", d.Phase,
		d.Reason, d.Ours, d.Upstream, d.Expected)
}

// runOfGraph is one run of a graph; its tag is its name in both control planes.
type runOfGraph struct {
	graph      *graph.Graph
	tag        string
	namespaces [2]string
}

func (r *runOfGraph) on(side *Side) *there { return &there{r, side, newUIDs()} }

// Graph runs a graph whose phases should end in given states. Nothing else happens in the two
// namespaces, and nobody else uses the tag. The error is a *Difference, or what kept the test from
// being made.
func (p *Pair) Graph(ctx context.Context, g *graph.Graph, ends []graph.State, tag string,
	namespaces [2]string) error {
	r := &runOfGraph{g, tag, namespaces}
	ours, upstream := r.on(p.Ours), r.on(p.Upstream)
	defer p.Ours.view.forget(tag)
	defer p.Upstream.view.forget(tag)
	var failure error
	for number, phase := range g.Phases {
		for _, step := range phase {
			if err := both(ctx, step, ours, upstream); err != nil {
				return err
			}
		}
		if failure = p.compare(ctx, number, ends[number], ours, upstream); failure != nil {
			break
		}
	}
	for _, t := range []*there{ours, upstream} {
		ctx, cancel := context.WithTimeout(ctx, p.Patience)
		if err := t.removeAll(ctx); err != nil && failure == nil {
			failure = &Difference{Phase: len(g.Phases), Ours: ours.text(),
				Upstream: upstream.text(), Reason: t.side.Cluster.Name + " keeps: " + err.Error()}
		}
		cancel()
	}
	return failure
}

// both takes a step on both sides.
func both(ctx context.Context, step graph.Step, ours, upstream *there) error {
	var failures [2]error
	var group sync.WaitGroup
	for i, t := range []*there{ours, upstream} {
		group.Go(func() { failures[i] = t.do(ctx, step) })
	}
	group.Wait()
	return errors.Join(failures[:]...)
}

// compare waits until both sides have the same state and nothing happens on either any more.
func (p *Pair) compare(ctx context.Context, phase int, end graph.State, ours, upstream *there) error {
	done := time.Now()
	n := len(ours.graph.Objects)
	for {
		if ours.text() == upstream.text() && ours.settled(done) && upstream.settled(done) {
			ourList, ourError := ours.listed(ctx)
			theirList, theirError := upstream.listed(ctx)
			if ourError == nil && theirError == nil &&
				ourList.Text(n, true) == theirList.Text(n, true) && ours.text() == ourList.Text(n, true) {
				return expect(phase, end, ourList, n)
			}
		}
		if time.Since(done) > p.Patience {
			return &Difference{Phase: phase, Ours: ours.text(), Upstream: upstream.text(),
				Expected: end.Text(n, false), Reason: "the states differ, or do not come to an end"}
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// expect compares with the model as well. Where upstream ends otherwise the model is wrong, and so
// may be its word that there is one end only.
func expect(phase int, end, state graph.State, n int) error {
	if state.Text(n, false) == end.Text(n, false) {
		return nil
	}
	return &Difference{Phase: phase, Ours: state.Text(n, true), Upstream: state.Text(n, true),
		Expected: end.Text(n, false), Reason: "both ended as the model did not"}
}

func (t *there) text() string { return t.viewed().Text(len(t.graph.Objects), true) }

// settled tells whether nothing has happened for some beats, nor since a time.
func (t *there) settled(since time.Time) bool {
	_, changed := t.side.view.of(t.tag)
	if changed.After(since) {
		since = changed
	}
	return t.side.pulse.since(since) >= beats
}

// removeAll is the last phase: without our finalizers all can be deleted, and the collectors let go
// of what they have finalizers on.
func (t *there) removeAll(ctx context.Context) error {
	for number := range t.graph.Objects {
		for _, step := range []graph.Step{{Action: graph.Release, Object: number}, {
			Action: graph.Delete, Object: number, Policy: metav1.DeletePropagationBackground}} {
			if err := t.do(ctx, step); err != nil {
				return err
			}
		}
	}
	return t.awaitEmpty(ctx)
}

func (t *there) awaitEmpty(ctx context.Context) error {
	err := poll(ctx, func() (bool, error) {
		if objects, _ := t.side.view.of(t.tag); len(objects) > 0 {
			return false, nil
		}
		state, err := t.listed(ctx)
		return err == nil && len(state) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w; there are still\n%s", err, t.text())
	}
	return nil
}
