package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/report"
)

// streamWorkers is how many read the whole store by one call at the same time.
const streamWorkers = 4

// storeTargets is what kubase aims at against etcd in the same run.
func storeTargets() map[string]report.Target {
	atLeast := func(limit float64) report.Target {
		return report.Target{Of: "kubase", Base: "etcd", Limit: limit, AtLeast: true}
	}
	atMost := func(limit float64) report.Target {
		return report.Target{Of: "kubase", Base: "etcd", Limit: limit}
	}
	return map[string]report.Target{
		"create":               atLeast(1.5),
		"update":               atLeast(1.5),
		"get":                  atLeast(1.6),
		"server CPU per get":   atMost(1.0 / 3),
		"list of 500":          atLeast(2.5),
		"count":                atLeast(3),
		"watch p50":            atMost(1),
		"watch p99":            atMost(1),
		"server CPU per event": atMost(1),
		"delete":               atLeast(1.5),
	}
}

// runStore compares the servers on one store each, fresh in each round.
func (b *bench) runStore(ctx context.Context) error {
	for _, kind := range b.kinds {
		b.report.Columns = append(b.report.Columns, kind.Name)
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		for _, kind := range b.kinds {
			if err := b.start(ctx, kind, kind.Name, b.keys); err != nil {
				return err
			}
		}
		if err := b.runPhases(ctx, round, b.storePhases()); err != nil {
			return err
		}
		if err := b.stopAll(); err != nil {
			return err
		}
	}
	targets := b.withEngineTargets(storeTargets())
	maps.Copy(targets, farTargets())
	return b.finish(targets)
}

// engineRatios is what kubase on a database server aims at: at least limit times what base does,
// which is followed by the same engine unless it has none.
var engineRatios = []struct {
	row, base string
	onEngine  bool
	limit     float64
}{
	{"create", "kine", true, 10}, {"create", "etcd", false, 1}, {"create", "kubase", false, 0.6},
	{"update", "kine", true, 10}, {"update", "etcd", false, 1},
	{"get", "kine", true, 5}, {"list of 500", "kine", true, 10}, {"count", "kine", true, 20},
}

// withEngineTargets notes these ratios as rows of their own, as far as both sides were measured, and
// adds their targets.
func (b *bench) withEngineTargets(targets map[string]report.Target) map[string]report.Target {
	for _, engine := range knownEngines {
		for _, r := range engineRatios {
			of, base := "kubase-"+engine, r.base
			if r.onEngine {
				base += "-" + engine
			}
			value, measured := b.report.Median(of, r.row)
			other, otherMeasured := b.report.Median(base, r.row)
			if !measured || !otherMeasured {
				continue
			}
			name := fmt.Sprintf("%s on %s, to %s", r.row, engine, base)
			b.noteIn(of, name, "×", value/other)
			targets[name] = report.Target{Of: of, Limit: r.limit, AtLeast: true}
		}
	}
	return targets
}

// storePhases are the measurements in their order; the first one fills the store and always runs.
func (b *bench) storePhases() []phase {
	all := []phase{
		{"create", func(ctx context.Context, s *subject) error {
			return b.rate(s, "create", func() (load.Sample, error) {
				return s.client.Create(ctx, b.workers, s.keys)
			})
		}},
		{"get", b.measureGet},
		{"update", func(ctx context.Context, s *subject) error {
			return b.rate(s, "update", func() (load.Sample, error) {
				return s.client.Update(ctx, b.workers, 2*b.keys, s.keys)
			})
		}},
		{"list", b.measureList},
		{"stream", b.measureStream},
		{"count", func(ctx context.Context, s *subject) error {
			return b.rate(s, "count", func() (load.Sample, error) {
				return s.client.Count(ctx, b.workers, b.duration(), s.keys)
			})
		}},
		{"watch", b.measureWatch},
		{"flood", b.measureFlood},
		{"memory", b.measureMemory},
		{"far", b.measureFar},
		{"delete", func(ctx context.Context, s *subject) error {
			return b.rate(s, "delete", func() (load.Sample, error) {
				return s.client.Delete(ctx, b.workers, s.keys)
			})
		}},
	}
	wanted := all[:1]
	for _, p := range all[1:] {
		if b.wants(p.name) {
			wanted = append(wanted, b.sparingPeers(p))
		}
	}
	return wanted
}

// sparingPeers is a measurement on which nothing later depends: of a peer that fails the cell stays
// empty, with the reason below the table.
func (b *bench) sparingPeers(p phase) phase {
	measure := p.measure
	p.measure = func(ctx context.Context, s *subject) error {
		err := measure(ctx, s)
		if err == nil || s.server.Kind.IsKubase() || ctx.Err() != nil {
			return err
		}
		fault := fmt.Sprintf("%s of %s: %v", p.name, s.column, err)
		fmt.Fprintln(os.Stderr, "  "+fault)
		b.report.AddFault(fault)
		return nil
	}
	return p
}

// rate notes how many operations a second there were.
func (b *bench) rate(s *subject, name string, do func() (load.Sample, error)) error {
	sample, _, err := b.measured(s, name, do)
	if err == nil {
		b.note(s, name, "/s", sample.Rate())
	}
	return err
}

func (b *bench) measureGet(ctx context.Context, s *subject) error {
	sample, used, err := b.measured(s, "get", func() (load.Sample, error) {
		return s.client.Get(ctx, b.workers, b.duration(), s.keys)
	})
	if err != nil {
		return err
	}
	b.note(s, "get", "/s", sample.Rate())
	b.note(s, "server CPU per get", "µs", microseconds(used.CPU)/float64(sample.Operations))
	return nil
}

// measureList counts full pages: the last one of a walk may be shorter.
func (b *bench) measureList(ctx context.Context, s *subject) error {
	sample, _, err := b.measured(s, "list of 500", func() (load.Sample, error) {
		return s.client.List(ctx, b.workers, b.duration(), s.keys)
	})
	if err == nil {
		b.note(s, "list of 500", "/s", sample.ItemRate()/load.PageSize)
	}
	return err
}

func (b *bench) measureStream(ctx context.Context, s *subject) error {
	sample, _, err := b.measured(s, "stream of all", func() (load.Sample, error) {
		return s.client.Stream(ctx, streamWorkers, b.duration(), s.keys)
	})
	if errors.Is(err, load.ErrUnsupported) {
		return nil
	}
	if err == nil {
		b.note(s, "stream of all", "keys/s", sample.ItemRate())
	}
	return err
}

// measureWatch: updates come at a rate that every server can keep up with.
func (b *bench) measureWatch(ctx context.Context, s *subject) error {
	updates := int(b.watchRate * b.seconds)
	return b.watched(ctx, s, "watch", updates, func() (load.Sample, error) {
		return s.client.UpdateAtRate(ctx, updates, b.watchRate, s.keys)
	})
}

// measureFlood: updates come as fast as the server takes them.
func (b *bench) measureFlood(ctx context.Context, s *subject) error {
	updates := min(b.keys, 5000)
	return b.watched(ctx, s, "flood", updates, func() (load.Sample, error) {
		return s.client.Update(ctx, b.workers, updates, s.keys)
	})
}

// watched notes how long the events of some updates were on their way to all watchers, and what an
// event has cost the server, the update included.
func (b *bench) watched(ctx context.Context, s *subject, name string, updates int,
	update func() (load.Sample, error)) error {
	watchers, err := s.client.Watch(ctx, b.watchers, updates)
	if err != nil {
		return err
	}
	defer watchers.Close()
	var latencies []time.Duration
	_, used, err := b.measured(s, name, func() (load.Sample, error) {
		sample, err := update()
		if err != nil {
			return sample, err
		}
		latencies, err = watchers.Wait()
		return sample, err
	})
	if errors.Is(err, load.ErrCanceled) && s.server.Kind.DropsSlowWatchers {
		return nil
	}
	if err != nil {
		return err
	}
	b.note(s, name+" p50", "ms", milliseconds(load.Quantile(latencies, 0.5)))
	b.note(s, name+" p99", "ms", milliseconds(load.Quantile(latencies, 0.99)))
	what := "server CPU per event"
	if name != "watch" {
		what += ", " + name
	}
	b.note(s, what, "µs", microseconds(used.CPU)/float64(len(latencies)))
	return nil
}

func (b *bench) measureMemory(_ context.Context, s *subject) error {
	usage, err := s.server.Usage()
	if err != nil {
		return err
	}
	b.note(s, "memory", "MB", float64(usage.Private)/1e6)
	b.report.AddDetail(s.column, "memory: resident", "MB", float64(usage.RSS)/1e6)
	b.report.AddDetail(s.column, "memory: resident, peak", "MB", float64(usage.PeakRSS)/1e6)
	return nil
}
