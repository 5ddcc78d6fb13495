package run

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubase/tests/collector/graphs/internal/graph"
)

const pulseNamespace = "pulse"

// pulse lets a control plane collect something, again and again: an owner with a dependent of each
// kind. What was owed before a beat began is mostly done when it ends, however busy all are. So
// "nothing happens any more" needs no guess at a duration: nothing has happened for some beats.
type pulse struct {
	side  *Side
	mutex sync.Mutex
	// begun is when each beat that has ended began; only the newest matter.
	begun []time.Time
}

// since counts the beats that began after a time and have ended.
func (p *pulse) since(t time.Time) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	count := 0
	for _, begun := range p.begun {
		if begun.After(t) {
			count++
		}
	}
	return count
}

// Beat runs until ctx ends or a beat takes longer than that, which it returns as its error. What has
// the label beats too where graphs have it.
func (s *Side) Beat(ctx context.Context, labelled bool, longest time.Duration) error {
	if err := s.Namespace(ctx, pulseNamespace); err != nil {
		return err
	}
	for number := 0; ctx.Err() == nil; number++ {
		begun := time.Now()
		beat, cancel := context.WithTimeout(ctx, longest)
		err := s.beat(beat, fmt.Sprint("pulse-", number), labelled)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s collects nothing: %w", s.Cluster.Name, err)
		}
		s.pulse.ended(begun)
	}
	return nil
}

func (p *pulse) ended(begun time.Time) {
	const kept = 10
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.begun = append(p.begun, begun)
	p.begun = p.begun[max(0, len(p.begun)-kept):]
}

// beat has two owners, and of each a dependent of every kind. With labels, one of the owners has it
// and every second dependent.
func (s *Side) beat(ctx context.Context, tag string, labelled bool) error {
	defer s.view.forget(tag)
	g := &graph.Graph{}
	for _, ofOwner := range []bool{false, labelled} {
		owner := len(g.Objects)
		// A cluster-scoped owner can own all kinds.
		g.Objects = append(g.Objects, graph.Object{Kind: graph.Kinds[len(graph.Kinds)-1],
			Labelled: ofOwner})
		for number, kind := range graph.Kinds {
			g.Objects = append(g.Objects, graph.Object{Kind: kind,
				Labelled: labelled && number%2 == 0, References: []graph.Reference{{Owner: owner}}})
		}
	}
	r := &runOfGraph{graph: g, tag: tag, namespaces: [2]string{pulseNamespace, pulseNamespace}}
	there := r.on(s)
	var owners []graph.Step
	for number, object := range g.Objects {
		step := graph.Step{Action: graph.Create, Object: number, References: object.References}
		if err := there.do(ctx, step); err != nil {
			return err
		}
		if len(object.References) == 0 {
			owners = append(owners, graph.Step{Action: graph.Delete, Object: number,
				Policy: metav1.DeletePropagationBackground})
		}
	}
	for _, owner := range owners {
		if err := there.do(ctx, owner); err != nil {
			return err
		}
	}
	return there.awaitEmpty(ctx)
}

// uids are the UIDs of the objects of one run on one side.
type uids struct {
	mutex    sync.Mutex
	byNumber map[int]types.UID
	numbers  map[types.UID]int
}

func newUIDs() *uids {
	return &uids{byNumber: map[int]types.UID{}, numbers: map[types.UID]int{}}
}

func (u *uids) learn(number int, uid types.UID) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.byNumber[number], u.numbers[uid] = uid, number
}

func (u *uids) of(number int) types.UID {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.byNumber[number]
}

// neutral is a UID as it is compared.
func (u *uids) neutral(uid types.UID) types.UID {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if number, ok := u.numbers[uid]; ok {
		return graph.UIDOf(number)
	}
	return uid
}

// AwaitBeat waits until a beat has ended.
func (s *Side) AwaitBeat(ctx context.Context) error {
	return poll(ctx, func() (bool, error) { return s.pulse.since(time.Time{}) > 0, nil })
}
