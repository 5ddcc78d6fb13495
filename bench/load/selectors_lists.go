package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/report"
	"kubase/bench/load/internal/resource"
)

// listSizes are the numbers of objects among which a list finds one, as far as options allow.
var listSizes = []int{1000, 10_000, 100_000, 1_000_000}

// itemKind is the kind of all objects but those of the whole system.
var itemKind = resource.Kind{Singular: "item"}

// selection is a way to select one object.
type selection struct {
	name  string
	query func(number int) kube.Query
}

var selections = []selection{
	{"list by label", func(n int) kube.Query { return kube.Query{Labels: resource.SerialLabel(n)} }},
	{"list by field", func(n int) kube.Query { return kube.Query{Fields: resource.SerialField(n)} }},
}

func (l selection) row(size int) string {
	return fmt.Sprintf("%s, 1 of %s", l.name, report.Number(float64(size)))
}

func (l selection) ratioRow(size int) string {
	return fmt.Sprintf("%s, to 1 of %s", l.row(size), report.Number(float64(listSizes[0])))
}

func (l selection) besideRow(size int) string {
	return l.row(size) + ": 1 of " + report.Number(float64(listSizes[0])) + " beside"
}

// matchCounters are those of kubase for its searches by selectors, with what they count.
var matchCounters = []struct{ name, what string }{
	{`kubase_sql_steps_total{name="match"}`, "database steps"},
	{`kubase_sql_rows_total{name="match"}`, "database rows"},
}

// runLists lets all systems grow side by side and measures them at each size.
func (b *bench) runLists(ctx context.Context) error {
	for _, kind := range b.kinds {
		s, err := b.startCluster(ctx, kind, itemKind)
		if err != nil {
			return err
		}
		if kind.Name == "kubase" {
			if s.beside, err = b.startCluster(ctx, kind, itemKind); err != nil {
				return err
			}
			b.subjects = b.subjects[:len(b.subjects)-1] // it is part of the other
		}
	}
	most := 0
	for _, s := range b.subjects {
		most = max(most, b.mostObjects(s))
	}
	filled := 0
	for _, size := range listSizes {
		if size > most {
			break
		}
		if err := b.listsOf(ctx, filled, size); err != nil {
			return err
		}
		filled = size
	}
	return nil
}

// listsOf measures lists of one of so many objects, of which some are there.
func (b *bench) listsOf(ctx context.Context, filled, size int) error {
	fmt.Fprintf(os.Stderr, "lists of %s objects\n", report.Number(float64(size)))
	fill := phase{"fill", func(ctx context.Context, s *subject) error {
		if size > b.mostObjects(s) {
			return nil
		}
		if s.beside != nil && filled == 0 {
			if err := b.fill(ctx, s.beside, 0, size); err != nil {
				return err
			}
		}
		return b.fill(ctx, s, filled, size)
	}}
	if err := b.runPhases(ctx, 0, []phase{fill}); err != nil {
		return err
	}
	round := 0
	var phases []phase
	for _, l := range selections {
		phases = append(phases, phase{l.name, func(ctx context.Context, s *subject) error {
			if size > b.mostObjects(s) {
				return nil
			}
			return b.measureListOfOne(ctx, s, l, size, round)
		}})
	}
	for round = range b.rounds {
		if err := b.runPhases(ctx, round, phases); err != nil {
			return err
		}
	}
	for _, l := range selections {
		for _, s := range b.subjects {
			if s.beside == nil && size > listSizes[0] {
				b.noteRatioIn(s.column, l.ratioRow(size), l.row(size), l.row(listSizes[0]))
			}
		}
	}
	return nil
}

func (b *bench) mostObjects(s *subject) int {
	if s.server.Kind.Name == "kubase" {
		return b.objects.largest()
	}
	return b.peerObjects
}

// fill puts objects into the store, past kube-apiserver, from the numbers that are there up to
// size, and waits until kube-apiserver shows the last one.
func (b *bench) fill(ctx context.Context, s *subject, filled, size int) error {
	objects := load.NewObjects(itemKind, itemKind.Object, filled, size-filled)
	began := time.Now()
	var err error
	if s.server.Kind.BulkPuts {
		err = s.client.PutInBulk(ctx, objects, objects.Len())
	} else {
		err = s.client.Fill(ctx, b.workers, objects)
	}
	if err != nil {
		return err
	}
	row := fmt.Sprintf("fill up to %s objects", report.Number(float64(size)))
	b.report.AddDetail(s.column, row, "s", time.Since(began).Seconds())
	// What the kernel still has to write would slow down the first measurement.
	syscall.Sync()
	return s.api.WaitFor(ctx, itemKind, selections[0].query(size-1), size-1)
}

// measureListOfOne measures lists of one of so many objects, and how they compare with lists of one
// of the fewest, which are measured before or after them.
func (b *bench) measureListOfOne(ctx context.Context, s *subject, l selection, size,
	round int) error {
	row := l.row(size)
	if s.beside == nil || size == listSizes[0] {
		median, err := b.listsOfOne(ctx, s, l, size, row)
		b.note(s, row, "ms", median)
		return err
	}
	var median, beside float64
	steps := []func() error{
		func() (err error) { median, err = b.listsOfOne(ctx, s, l, size, row); return err },
		func() (err error) {
			beside, err = b.listsOfOne(ctx, s.beside, l, listSizes[0], l.besideRow(size))
			return err
		},
	}
	for i := range steps {
		if err := steps[(i+round)%len(steps)](); err != nil {
			return err
		}
	}
	b.note(s, row, "ms", median)
	b.note(s, l.ratioRow(size), "×", median/beside)
	return nil
}

// listsOfOne is the median of the latencies, in milliseconds.
func (b *bench) listsOfOne(ctx context.Context, s *subject, l selection, size int,
	row string) (float64, error) {
	before, err := s.matches(ctx)
	if err != nil {
		return 0, err
	}
	sample, _, err := b.measured(s, row, func() (load.Sample, error) {
		return load.Repeat(ctx, 1, b.duration(),
			func(ctx context.Context, _, n int) (time.Duration, error) {
				const stride = 7919 // a prime: the objects take turns all over the store
				number := n * stride % size
				return s.api.Expect(ctx, itemKind, l.query(number), number, number, false)
			})
	})
	if err != nil {
		return 0, err
	}
	after, err := s.matches(ctx)
	for _, counter := range matchCounters {
		if count, found := after[counter.name]; found {
			per := (count - before[counter.name]) / float64(sample.Operations)
			b.note(s, row+": "+counter.what, "/list", per)
		}
	}
	return milliseconds(load.Quantile(sample.Latencies(), 0.5)), err
}

// matches reads what the searches by selectors have cost so far, if the server counts that.
func (s *subject) matches(ctx context.Context) (map[string]float64, error) {
	var names []string
	for _, counter := range matchCounters {
		names = append(names, counter.name)
	}
	return s.server.Counters(ctx, names...)
}
