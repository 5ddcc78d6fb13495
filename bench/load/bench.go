package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/report"
)

// bench is one run: its options, its servers and what was found so far.
type bench struct {
	*options
	kinds     []peer.Kind
	temporary string                  // the servers' data, removed at the end
	programs  map[string]kube.Program // the kube-apiserver over each kind, by its name
	report    *report.Report
	subjects  []*subject // the servers that run now
}

// phase is a measurement that is taken of one server after another.
type phase struct {
	name    string
	measure func(ctx context.Context, s *subject) error
}

func newBench(o *options) (*bench, error) {
	kinds, err := o.kinds()
	if err != nil {
		return nil, err
	}
	programs, err := o.programs()
	if err != nil {
		return nil, err
	}
	directory, err := filepath.Abs(o.directory)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp(directory, o.scenario+"-")
	if err != nil {
		return nil, err
	}
	return &bench{
		options: o, kinds: kinds, programs: programs, temporary: temporary,
		report: &report.Report{
			Scenario: o.scenario,
			Started:  time.Now(),
			Options:  o.given,
			Machine:  machine(),
		},
	}, nil
}

// close ends what runs and removes the data.
func (b *bench) close() error { return errors.Join(b.stopAll(), os.RemoveAll(b.temporary)) }

// start starts a server with an empty store, which stopAll ends.
func (b *bench) start(ctx context.Context, kind peer.Kind, column string, keys int) error {
	s, err := b.launch(ctx, kind, column, keys, b.connections)
	if err == nil {
		b.subjects = append(b.subjects, s)
	}
	return err
}

// launch starts a server with an empty store, which the caller stops.
func (b *bench) launch(ctx context.Context, kind peer.Kind, column string,
	keys, connections int) (*subject, error) {
	directory, err := os.MkdirTemp(b.temporary, kind.Name+"-")
	if err != nil {
		return nil, err
	}
	server, err := peer.Start(ctx, kind, directory, load.Answers)
	if err != nil {
		return nil, err
	}
	s := &subject{column: column, server: server, keys: load.NewKeys(keys)}
	s.client, err = load.Dial(ctx, server.Address(), connections)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stopAll ends the servers that run and removes their data.
func (b *bench) stopAll() error {
	var failures []error
	for _, s := range b.subjects {
		failures = append(failures, s.stop())
	}
	b.subjects = nil
	return errors.Join(failures...)
}

// runPhases takes each measurement of each server, beginning with another server in each round.
func (b *bench) runPhases(ctx context.Context, round int, phases []phase) error {
	for _, p := range phases {
		for i := range b.subjects {
			s := b.subjects[(i+round)%len(b.subjects)]
			err := p.measure(ctx, s)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			if err != nil {
				return fmt.Errorf("%s of %s: %w; the end of its log:\n%s", p.name, s.column, err,
					s.logTail())
			}
			if err := s.settle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// measured runs one measurement and notes, for the file, what it cost and how long it took.
func (b *bench) measured(s *subject, name string,
	do func() (load.Sample, error)) (load.Sample, peer.Usage, error) {
	before, err := s.costs()
	if err != nil {
		return load.Sample{}, peer.Usage{}, err
	}
	sample, err := do()
	if err != nil {
		return load.Sample{}, peer.Usage{}, err
	}
	after, err := s.costs()
	used := after.server.Since(before.server)
	latencies := sample.Latencies()
	if len(latencies) == 0 {
		return sample, used, fmt.Errorf("%s: nothing was measured", name)
	}
	per := 1 / float64(sample.Operations)
	detail := func(what, unit string, value float64) {
		b.report.AddDetail(s.column, name+": "+what, unit, value)
	}
	detail("latency p50", "ms", milliseconds(load.Quantile(latencies, 0.5)))
	detail("latency p99", "ms", milliseconds(load.Quantile(latencies, 0.99)))
	detail("server CPU", "µs/op", microseconds(used.CPU)*per)
	if s.api != nil {
		detail("apiserver CPU", "µs/op", microseconds(after.api.Since(before.api).CPU)*per)
	}
	detail("generator CPU", "µs/op", microseconds(after.generator.Since(before.generator).CPU)*per)
	detail("server context switches", "/op", float64(used.Switches)*per)
	detail("server writes", "B/op", float64(used.WrittenBytes)*per)
	return sample, used, err
}

// note adds a figure to the table and tells who waits.
func (b *bench) note(s *subject, name, unit string, value float64) {
	b.noteIn(s.column, name, unit, value)
}

func (b *bench) noteIn(column, name, unit string, value float64) {
	b.report.Add(column, name, unit, value)
	fmt.Fprintf(os.Stderr, "  %-46s %-8s %10s %s\n", name, column, report.Number(value), unit)
}

// noteRatio adds the ratio of the medians of two rows for each column that has both.
func (b *bench) noteRatio(name, of, base string) {
	for _, column := range b.report.Columns {
		b.noteRatioIn(column, name, of, base)
	}
}

func (b *bench) noteRatioIn(column, name, of, base string) {
	value, found := b.report.Median(column, of)
	divisor, foundBase := b.report.Median(column, base)
	if found && foundBase && divisor > 0 {
		b.noteIn(column, name, "×", value/divisor)
	}
}

// finish shows the table and writes the file.
func (b *bench) finish(targets map[string]report.Target) error {
	b.report.Judge(targets)
	if err := b.report.Print(os.Stdout); err != nil {
		return err
	}
	if b.output == "" {
		return nil
	}
	fmt.Printf("\nAll figures: %s\n", b.output)
	return b.report.Save(b.output)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }

func machine() map[string]string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte(err.Error())
	}
	return map[string]string{
		"processors": fmt.Sprint(runtime.NumCPU()),
		"kernel":     strings.TrimSpace(string(kernel)),
		"go":         runtime.Version(),
	}
}
