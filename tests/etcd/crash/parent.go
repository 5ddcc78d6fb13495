package crash

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
)

const childrenOfAnOwner = 3

// The finalizers of an owner that is deleted: the storage lets it go last. In the background it has
// none, and goes at once.
const (
	background = ""
	foreground = "foregroundDeletion"
	orphan     = "orphan"
)

// parent makes owners with dependents whose garbage the storage collects, and ends each owner in
// one of three ways. What the storage owes then is acknowledged to nobody: only its events tell.
type parent struct {
	random *rand.Rand
	log    *model.Log
	next   int
	// owed is what the storage still has to do, by key.
	owed map[string]step
	// doubtful is the change under way when the server was killed; it makes the storage owe promised.
	doubtful []model.Change
	promised map[string]step
	// collected counts the steps that the storage has done.
	collected int64
}

// step is one change that the storage owes, and the keys whose steps have to come before.
type step struct {
	change model.Change
	after  []string
}

func newParent(seed uint64, log *model.Log) *parent {
	return &parent{
		random: rand.New(rand.NewPCG(seed, 78)), log: log, owed: map[string]step{},
	}
}

func (p *parent) run(ctx context.Context, c *server.Client, ending func() bool) error {
	for !ending() {
		p.next++
		finalizer := []string{background, foreground, orphan}[p.random.IntN(3)]
		births, end, promised := makeFamily(fmt.Sprintf("p%06d", p.next), finalizer)
		if err := p.change(ctx, c, births, nil); err != nil {
			return err
		}
		rest(ctx, time.Duration(p.random.IntN(10))*time.Millisecond)
		if err := p.change(ctx, c, []model.Change{end}, promised); err != nil {
			return err
		}
		rest(ctx, time.Duration(p.random.IntN(30))*time.Millisecond)
	}
	return nil
}

func (p *parent) change(ctx context.Context, c *server.Client, changes []model.Change,
	promised map[string]step) error {
	p.doubtful, p.promised = changes, promised
	revision, err := send(ctx, c.KV, changes)
	if err != nil {
		return err
	}
	return p.happened(revision)
}

// happened notes the change that was under way.
func (p *parent) happened(revision int64) error {
	changes := p.doubtful
	maps.Copy(p.owed, p.promised)
	p.forget()
	return p.log.Add(revision, changes...)
}

// resolve takes the events of an unknown revision for the doubtful change, or for a step that the
// storage may take now, if they are exactly that.
func (p *parent) resolve(revision int64, events []*mvccpb.Event) (bool, error) {
	changes := changesOf(events)
	if p.doubtful != nil && slices.Equal(changes, p.doubtful) {
		return true, p.happened(revision)
	}
	owed, found := p.owed[changes[0].Key]
	if !found || len(changes) > 1 || changes[0] != owed.change ||
		slices.ContainsFunc(owed.after, p.owes) {
		return false, nil
	}
	delete(p.owed, owed.change.Key)
	p.collected++
	return true, p.log.Add(revision, changes...)
}

func (p *parent) owes(key string) bool {
	_, found := p.owed[key]
	return found
}

func (p *parent) inDoubt() bool { return p.doubtful != nil }

func (p *parent) forget() { p.doubtful, p.promised = nil, nil }

// makeFamily makes an owner with children, what ends the owner, and what the storage owes then.
func makeFamily(name, finalizer string) (births []model.Change, end model.Change,
	promised map[string]step) {
	owner, last := object(name, ""), step{}
	births, promised = []model.Change{owner}, map[string]step{}
	for i := range childrenOfAnOwner {
		child := fmt.Sprintf("%s-%d", name, i)
		births = append(births, object(child, referenceTo(name)))
		key := keyOf(child)
		last.after = append(last.after, key)
		promised[key] = step{change: removal(key)}
		switch finalizer {
		case background: // the children go, and then theirs
			grandchild := object(child+"-0", referenceTo(child))
			births = append(births, grandchild)
			promised[grandchild.Key] = step{change: removal(grandchild.Key), after: []string{key}}
		case orphan: // they stay, without their references
			promised[key] = step{change: object(child, "")}
		}
	}
	if finalizer == background {
		return births, removal(owner.Key), promised
	}
	last.change = removal(owner.Key)
	promised[owner.Key] = last
	return births, object(name, `,"deletionTimestamp":"2026-01-02T03:04:05Z",`+
		`"deletionGracePeriodSeconds":0,"finalizers":["`+finalizer+`"]`), promised
}

func keyOf(name string) string { return "/registry/configmaps/crash/" + name }

func removal(key string) model.Change { return model.Change{Key: key, Delete: true} }

// object is a ConfigMap whose garbage the storage collects; the rest follows in its metadata.
func object(name, rest string) model.Change {
	return model.Change{Key: keyOf(name), Value: `{"apiVersion":"v1","kind":"ConfigMap",` +
		`"metadata":{"name":"` + name + `","namespace":"crash","uid":"uid-of-` + name + `",` +
		`"labels":{"skip-controller-manager-metadata-caching":""}` + rest + `}}`}
}

func referenceTo(name string) string {
	return `,"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"` + name + `",` +
		`"uid":"uid-of-` + name + `","blockOwnerDeletion":true}]`
}
