package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/resource"
)

const (
	rowDependents    = "collect: dependents"
	rowCollectTime   = "collect: time"
	rowCollectRate   = "collect: rate"
	rowCollectRaised = "collect: rate, to upstream, raised"
	rowCollectCPU    = "collect: CPU per dependent"
	rowWriteMaxThen  = "write max while collecting"

	// probeRate is that of the writes of somebody else, a second, and probeKeys are their keys.
	probeRate = 100
	probeKeys = 1000
	// probeAlone is how long they go on before the collection, to tell what the machine does.
	probeAlone = 10 * time.Second
	// heldUp is what others may have to wait at most.
	heldUp = 50 * time.Millisecond
	// countInterval is how often the dependents are counted, which costs etcd milliseconds.
	countInterval = 50 * time.Millisecond
)

// ownerKind is that of the owner, so that all objects of itemKind are dependents. probeKind has no
// definition: for the store its objects are like others, and nobody reads them.
var (
	ownerKind = resource.Kind{Singular: "owner"}
	probeKind = resource.Kind{Singular: "probe"}
)

// measureCollection deletes the owner of many objects in the background, and notes how long it
// takes until they are gone, and how long the writes of others take meanwhile.
func (b *bench) measureCollection(ctx context.Context, p *plane) error {
	owner, err := b.prepareDependents(ctx, p)
	if err != nil {
		return err
	}
	probes := load.NewObjects(probeKind, probeKind.Object, 0, probeKeys)
	if _, err := p.store.Create(ctx, b.workers, probes); err != nil {
		return err
	}
	alone, err := p.store.UpdateAtRateWhile(ctx, b.workers, probeRate, probes,
		func(ctx context.Context) error { return pause(ctx, probeAlone) })
	if err != nil {
		return err
	}
	b.noteWrites(p, "before", alone.Latencies())
	c := collection{plane: p, owner: owner, all: b.dependents, wanted: b.wantedOf(p)}
	before, err := p.processorTime()
	if err != nil {
		return err
	}
	sample, err := p.store.UpdateAtRateWhile(ctx, b.workers, probeRate, probes, c.run)
	if err != nil {
		return err
	}
	after, err := p.processorTime()
	if err != nil {
		return err
	}
	collected := float64(c.all - c.left)
	b.noteIn(p.column, rowDependents, "", collected)
	b.noteIn(p.column, rowCollectTime, "s", c.took.Seconds())
	b.noteIn(p.column, rowCollectRate, "/s", collected/c.took.Seconds())
	b.noteIn(p.column, rowCollectCPU, "µs", microseconds(after-before)/collected)
	b.noteWrites(p, "while collecting", sample.During(c.began, c.began.Add(c.took)))
	return nil
}

// wantedOf is how many are collected: at its own limits upstream would take more than an hour for
// all of them.
func (b *bench) wantedOf(p *plane) int {
	if p.column == columnUpstream {
		return b.atDefaults
	}
	return b.dependents
}

// prepareDependents makes the owner with its dependents, and waits until all know them.
func (b *bench) prepareDependents(ctx context.Context, p *plane) (resource.Reference, error) {
	err := errors.Join(p.api.Define(ctx, ownerKind), p.api.Define(ctx, itemKind))
	if err != nil {
		return resource.Reference{}, err
	}
	// One after the other: the informers of both kinds run then.
	for _, kind := range []resource.Kind{ownerKind, itemKind} {
		if err := p.awaitCollector(ctx, kind); err != nil {
			return resource.Reference{}, err
		}
	}
	owner, err := p.api.CreateOwner(ctx, ownerKind, 0)
	if err != nil {
		return owner, err
	}
	err = b.create(ctx, p, "dependents", 0, b.dependents, func(ctx context.Context, n int) error {
		return p.api.CreateDependent(ctx, itemKind, n, owner)
	})
	if err != nil {
		return owner, err
	}
	if err := p.awaitCollector(ctx, itemKind); err != nil {
		return owner, err
	}
	for _, pid := range p.pids {
		if err := peer.Settle(ctx, pid); err != nil {
			return owner, err
		}
	}
	return owner, nil
}

// collection is the deletion of an owner and what follows.
type collection struct {
	*plane
	owner       resource.Reference
	all, wanted int // dependents there were, and how many have to go
	left        int // those that are still there
	began       time.Time
	took        time.Duration
}

func (c *collection) run(ctx context.Context) error {
	count := func() (err error) {
		c.left, err = c.store.CountOf(ctx, itemKind.KeyPrefix())
		return err
	}
	if err := count(); err != nil || c.left != c.all {
		return errors.Join(err, fmt.Errorf("there are %d of %d dependents", c.left, c.all))
	}
	c.began = time.Now()
	if err := c.api.DeleteInBackground(ctx, c.owner); err != nil {
		return err
	}
	for c.left > c.all-c.wanted {
		if err := pause(ctx, countInterval); err != nil {
			return fmt.Errorf("%d of %d dependents are left: %w", c.left, c.all, err)
		}
		if err := count(); err != nil {
			return err
		}
	}
	c.took = time.Since(c.began)
	if c.left > 0 {
		return nil
	}
	// What the store says has to be so for a user too.
	_, err := c.api.Expect(ctx, itemKind, kube.Query{Limit: 1}, 1, 0, false)
	return err
}

// noteWrites notes how long the writes of somebody else took.
func (b *bench) noteWrites(p *plane, when string, latencies []time.Duration) {
	for _, quantile := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		latency := load.Quantile(latencies, quantile.share)
		b.noteIn(p.column, "write "+quantile.name+" "+when, "ms", milliseconds(latency))
	}
	late := 0
	for _, latency := range latencies {
		if latency > heldUp {
			late++
		}
	}
	b.report.AddDetail(p.column, "writes "+when, "", float64(len(latencies)))
	b.report.AddDetail(p.column, fmt.Sprintf("writes %s above %v", when, heldUp), "", float64(late))
}

// noteAgainstRaised compares with upstream when its limits do not hold it up.
func (b *bench) noteAgainstRaised() {
	ours, found := b.report.Median(columnOurs, rowCollectRate)
	raised, foundRaised := b.report.Median(columnRaised, rowCollectRate)
	if found && foundRaised {
		b.noteIn(columnOurs, rowCollectRaised, "×", ours/raised)
	}
}

// processorTime is that of all processes so far.
func (p *plane) processorTime() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range p.pids {
		usage, err := peer.ReadUsage(pid)
		if err != nil {
			return 0, err
		}
		sum += usage.CPU
	}
	return sum, nil
}
