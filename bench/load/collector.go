package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/report"
	"kubase/bench/load/internal/resource"
)

// The columns: "kubase up" with its presets, and unchanged Kubernetes on etcd, at its own limits
// and with those raised that hold its collector up.
const (
	columnOurs     = "kubase"
	columnUpstream = "upstream"
	columnRaised   = "upstream, raised"
)

// raisedFlags are far above what two processors can do.
var raisedFlags = []string{
	"--concurrent-gc-syncs=100", "--kube-api-burst=4000", "--kube-api-qps=2000",
}

// markers are numbers of objects that no other has; each marker takes two.
const markers = 900_000_000

// runCollector compares what the collectors of garbage cost and how fast they are. One control
// plane runs at a time, with an empty store: two would not leave each other the processors.
func (b *bench) runCollector(ctx context.Context) error {
	parts := []struct {
		name    string
		columns []string
		measure func(ctx context.Context, p *plane) error
	}{
		{"memory", []string{columnOurs, columnUpstream}, b.measureManagerMemory},
		{"collect", []string{columnOurs, columnUpstream, columnRaised}, b.measureCollection},
	}
	for _, column := range parts[1].columns {
		if _, wanted := b.kindNamed(serverOf(column)); wanted {
			b.report.Columns = append(b.report.Columns, column)
		}
	}
	var failures []error
	for _, part := range parts {
		for _, column := range part.columns {
			_, wanted := b.kindNamed(serverOf(column))
			if wanted && ctx.Err() == nil && b.wants(part.name) {
				fmt.Fprintf(os.Stderr, "%s of %s\n", part.name, column)
				failures = append(failures, b.withPlane(ctx, column, part.measure))
			}
		}
	}
	b.noteAgainstRaised()
	return errors.Join(append(failures, b.finish(b.collectorTargets()))...)
}

// serverOf is the name of the server in the options.
func serverOf(column string) string {
	if column == columnOurs {
		return "kubase"
	}
	return "etcd"
}

// collectorTargets is what kubase aims at.
func (b *bench) collectorTargets() map[string]report.Target {
	targets := map[string]report.Target{
		rowCollectRate:   {Of: columnOurs, Base: columnUpstream, Limit: 5, AtLeast: true},
		rowCollectRaised: {Of: columnOurs, Limit: 5, AtLeast: true},
		rowWriteMaxThen:  {Of: columnOurs, Limit: 50},
	}
	for _, size := range b.objects {
		for _, m := range memories {
			targets[m.growthRow(size)] = report.Target{Of: columnOurs, Limit: 20}
		}
	}
	return targets
}

// plane is a whole control plane.
type plane struct {
	column  string
	api     *kube.Server
	manager *kube.Manager
	store   *load.Client
	pids    []int
	markers int // how many there were
	stops   []func() error
}

// withPlane starts a control plane, measures it, and ends it.
func (b *bench) withPlane(ctx context.Context, column string,
	measure func(ctx context.Context, p *plane) error) error {
	p := &plane{column: column}
	start := b.startUpstream
	if column == columnOurs {
		start = b.startAppliance
	}
	err := start(ctx, p)
	if err == nil {
		err = measure(ctx, p)
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	} else if err != nil {
		err = fmt.Errorf("%s: %w%s", column, err, p.logTail())
	}
	return errors.Join(err, p.stop())
}

func (b *bench) startAppliance(ctx context.Context, p *plane) error {
	directory, err := os.MkdirTemp(b.temporary, "up-")
	if err != nil {
		return err
	}
	kind, _ := b.kindNamed("kubase")
	appliance, err := kube.Up(ctx, kind.Binary, directory)
	if appliance != nil {
		p.api, p.manager, p.pids = appliance.Server, appliance.Manager, appliance.Pids
		p.stops = append(p.stops, appliance.RemoveData, appliance.Stop)
	}
	if err != nil {
		return err
	}
	return b.dial(ctx, p, appliance.Store)
}

func (b *bench) startUpstream(ctx context.Context, p *plane) error {
	kind, _ := b.kindNamed("etcd")
	if err := b.start(ctx, kind, p.column, 0); err != nil {
		return err
	}
	p.stops = append(p.stops, b.stopAll)
	s := b.subjects[len(b.subjects)-1]
	directory, err := os.MkdirTemp(b.temporary, "upstream-")
	if err != nil {
		return err
	}
	p.api, err = kube.Start(ctx, b.programs["etcd"], s.server.Address(), directory)
	if err != nil {
		return err
	}
	p.stops = append(p.stops, p.api.RemoveData, p.api.Stop)
	if err := b.startManager(ctx, p); err != nil {
		return err
	}
	p.pids = []int{s.server.Pid(), p.api.Pid(), p.manager.Pid()}
	return b.dial(ctx, p, s.server.Address())
}

func (b *bench) startManager(ctx context.Context, p *plane) error {
	binary, err := executable("kube-controller-manager", b.apiservers.manager)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp(b.temporary, "manager-")
	if err != nil {
		return err
	}
	var flags []string
	if p.column == columnRaised {
		flags = raisedFlags
	}
	p.manager, err = kube.StartManager(ctx, binary, p.api, directory, flags...)
	if err == nil {
		p.stops = append(p.stops, p.manager.RemoveData, p.manager.Stop)
	}
	return err
}

func (b *bench) dial(ctx context.Context, p *plane, address string) error {
	var err error
	if p.store, err = load.Dial(ctx, address, b.connections); err == nil {
		p.stops = append(p.stops, p.store.Close)
	}
	return err
}

// stop ends what runs, the youngest first, and removes its data.
func (p *plane) stop() error {
	var failures []error
	for i := len(p.stops) - 1; i >= 0; i-- {
		failures = append(failures, p.stops[i]())
	}
	return errors.Join(failures...)
}

func (p *plane) logTail() string {
	if p.api == nil {
		return ""
	}
	return "; the end of its log:\n" + p.api.LogTail(10)
}

// awaitCollector waits until kube-controller-manager knows all objects of a kind that there are.
func (p *plane) awaitCollector(ctx context.Context, kind resource.Kind) error {
	p.markers++
	return p.api.AwaitCollector(ctx, kind, markers+2*p.markers)
}

// create creates objects through the API, as users do: so the policy of kubase labels them.
func (b *bench) create(ctx context.Context, p *plane, what string, first, end int,
	do func(ctx context.Context, number int) error) error {
	if end == first {
		return nil
	}
	fmt.Fprintf(os.Stderr, "  creating %s %s\n", report.Number(float64(end-first)), what)
	sample, err := load.Each(ctx, b.workers, first, end, do)
	if err != nil {
		return err
	}
	row := fmt.Sprintf("create %s %s through the API", report.Number(float64(end-first)), what)
	b.report.AddDetail(p.column, row, "/s", sample.Rate())
	return p.expectLabels(ctx)
}

// expectLabels makes sure that the policy has labelled everything, if it is ours.
func (p *plane) expectLabels(ctx context.Context) error {
	if p.column != columnOurs {
		return nil
	}
	query := kube.Query{Labels: "!" + kube.SkipLabel, Limit: 1}
	_, err := p.api.Expect(ctx, itemKind, query, 1, 0, false)
	return err
}

func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}
