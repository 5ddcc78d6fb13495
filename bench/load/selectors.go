package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/plot"
	"kubase/bench/load/internal/report"
	"kubase/bench/load/internal/resource"
)

// runSelectors compares whole systems, a kube-apiserver with its store, at what needs selectors.
// Each part starts its own, so that one that fails does not take the figures of the others along.
func (b *bench) runSelectors(ctx context.Context) error {
	for _, kind := range b.kinds {
		b.report.Columns = append(b.report.Columns, kind.Name)
	}
	parts := []struct {
		name string
		run  func(ctx context.Context) error
	}{
		{"lists", b.runLists},
		{"page", b.runPage},
		{"writes", b.runWrites},
		{"system", b.runSystem},
	}
	var failures []error
	for _, part := range parts {
		if ctx.Err() == nil && b.wants(part.name) {
			failures = append(failures, part.run(ctx), b.stopAll())
		}
	}
	return errors.Join(append(failures, b.finish(b.selectorTargets()), b.plotLists())...)
}

// selectorTargets is what kubase aims at.
func (b *bench) selectorTargets() map[string]report.Target {
	atMost := func(limit float64) report.Target { return report.Target{Of: "kubase", Limit: limit} }
	atLeast := func(limit float64) report.Target {
		return report.Target{Of: "kubase", Limit: limit, AtLeast: true}
	}
	targets := map[string]report.Target{
		rowPageRatio:    atMost(1.5),
		rowWriteTime:    atMost(1.6),
		rowWriteCPU:     atMost(1.6),
		rowSystemKept:   atLeast(0.9),
		rowSystemGrowth: atMost(50),
		rowSystemKine:   atLeast(12),
		rowSystem:       {Of: "kubase", Base: "etcd", Limit: 3, AtLeast: true},
		rowSystemFilled: {Of: "kubase", Base: "etcd", Limit: 3, AtLeast: true},
	}
	for _, size := range listSizes[1:] {
		for _, s := range selections {
			targets[s.ratioRow(size)] = atMost(1.5)
		}
	}
	return targets
}

// startCluster starts a store with a kube-apiserver that knows some kinds.
func (b *bench) startCluster(ctx context.Context, kind peer.Kind,
	resources ...resource.Kind) (*subject, error) {
	if err := b.start(ctx, kind.OnSocket(), kind.Name, 0); err != nil {
		return nil, err
	}
	s := b.subjects[len(b.subjects)-1]
	directory, err := os.MkdirTemp(b.temporary, "kube-apiserver-")
	if err != nil {
		return nil, err
	}
	s.api, err = kube.Start(ctx, b.programs[kind.Name], s.server.Address(), directory)
	if err != nil {
		return nil, err
	}
	for _, r := range resources {
		if err := s.api.Define(ctx, r); err != nil {
			return nil, fmt.Errorf("%w; the end of its log:\n%s", err, s.logTail())
		}
	}
	return s, s.settle(ctx)
}

// kindNamed is a server, if it is wanted.
func (b *bench) kindNamed(name string) (peer.Kind, bool) {
	for _, kind := range b.kinds {
		if kind.Name == name {
			return kind, true
		}
	}
	return peer.Kind{}, false
}

// plotLists draws how long a list takes that finds one object, over the number of objects.
func (b *bench) plotLists() error {
	if b.output == "" || !b.wants("lists") {
		return nil
	}
	byLabel := selections[0]
	chart := plot.Chart{
		Title:  "List of the one object that has a label, through kube-apiserver",
		XLabel: "objects of the kind",
		YLabel: "median latency, ms",
	}
	for _, column := range b.report.Columns {
		curve := plot.Curve{Name: systemNames[column]}
		for _, size := range listSizes {
			if latency, found := b.report.Median(column, byLabel.row(size)); found {
				curve.Points = append(curve.Points, plot.Point{X: float64(size), Y: latency})
			}
		}
		chart.Curves = append(chart.Curves, curve)
	}
	path := strings.TrimSuffix(b.output, filepath.Ext(b.output)) + ".svg"
	fmt.Printf("The plot of the lists: %s\n", path)
	return chart.Save(path)
}

// systemNames says in the legend what stands over a store.
var systemNames = map[string]string{
	"kubase": "kubase",
	"etcd":   "cache over etcd",
	"kine":   "cache over kine",
}
