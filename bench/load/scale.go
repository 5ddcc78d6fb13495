package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/report"
)

const (
	// extraKeys are created between those of the store, and deleted again, in each round.
	extraKeys = 10_000
	// rowMemory and rowCompaction are figures of the large store alone.
	rowMemory     = "memory"
	rowCompaction = "write p99 / median while compacting"
)

// runScale compares a store of many keys with one of few, on the same server program.
func (b *bench) runScale(ctx context.Context) error {
	for _, kind := range b.kinds {
		if len(b.kinds) > 1 {
			fmt.Printf("%s\n", kind.Name)
		}
		b.report.Columns, b.report.Rows = nil, nil
		if err := b.scaleOf(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) scaleOf(ctx context.Context, kind peer.Kind) error {
	if !kind.BulkPuts {
		return fmt.Errorf("%s takes no transactions of many puts, which fill the large store",
			kind.Name)
	}
	few, many := report.Number(float64(b.keys)), report.Number(float64(b.manyKeys))
	b.report.Columns = []string{few, many}
	for _, size := range []struct {
		column string
		keys   int
	}{{few, b.keys}, {many, b.manyKeys}} {
		if err := b.startFilled(ctx, kind, size.column, size.keys); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		if err := b.runPhases(ctx, round, b.scalePhases()); err != nil {
			return err
		}
	}
	last := []phase{{rowMemory, b.measureMemory}}
	if b.wants("compaction") {
		last = append(last, phase{"compaction", b.measureCompaction})
	}
	if err := b.runPhases(ctx, 0, last); err != nil {
		return err
	}
	if err := b.stopAll(); err != nil {
		return err
	}
	return b.finish(scaleTargets(few, many))
}

// scaleTargets: within 20% of what it is with few keys.
func scaleTargets(few, many string) map[string]report.Target {
	rate := report.Target{Of: many, Base: few, Limit: 0.8, AtLeast: true}
	latency := report.Target{Of: many, Base: few, Limit: 1.2}
	return map[string]report.Target{
		"get": rate, "create": rate, "list of 500": rate,
		"watch p50": latency, "watch p99": latency,
		rowMemory:     {Of: many, Limit: 300},
		rowCompaction: {Of: many, Limit: 3},
	}
}

func (b *bench) startFilled(ctx context.Context, kind peer.Kind, column string, keys int) error {
	if err := b.start(ctx, kind, column, keys); err != nil {
		return err
	}
	s := b.subjects[len(b.subjects)-1]
	began := time.Now()
	if err := s.client.PutInBulk(ctx, s.keys, keys); err != nil {
		return fmt.Errorf("filling %s with %d keys: %w; the end of its log:\n%s", kind.Name, keys,
			err, s.server.LogTail(5))
	}
	b.note(s, "fill in bulk", "keys/s", float64(keys)/time.Since(began).Seconds())
	return s.server.Settle(ctx)
}

func (b *bench) scalePhases() []phase {
	all := []phase{
		{"get", b.measureGet},
		{"list", b.measureList},
		{"create", b.measureExtraKeys},
		{"watch", b.measureWatch},
	}
	var wanted []phase
	for _, p := range all {
		if b.wants(p.name) {
			wanted = append(wanted, p)
		}
	}
	return wanted
}

// measureExtraKeys creates keys between the others and deletes them again, so that each round
// begins with the same store.
func (b *bench) measureExtraKeys(ctx context.Context, s *subject) error {
	extra := s.keys.Between(min(extraKeys, b.keys))
	err := b.rate(s, "create", func() (load.Sample, error) {
		return s.client.Create(ctx, b.workers, extra)
	})
	if err != nil {
		return err
	}
	return b.rate(s, "delete", func() (load.Sample, error) {
		return s.client.Delete(ctx, b.workers, extra)
	})
}

// measureCompaction compacts many superseded revisions while the workers update keys, and notes how
// long those updates take that meet it.
func (b *bench) measureCompaction(ctx context.Context, s *subject) error {
	if s.keys.Len() != b.manyKeys {
		return nil
	}
	for left := b.revisions; left > 0; left -= s.keys.Len() {
		if err := s.client.PutInBulk(ctx, s.keys, min(left, s.keys.Len())); err != nil {
			return err
		}
	}
	revision, err := s.client.Revision(ctx)
	if err != nil {
		return err
	}
	_, _, err = b.measured(s, "update before compaction", func() (load.Sample, error) {
		return s.client.Update(ctx, b.workers, extraKeys, s.keys)
	})
	if err != nil {
		return err
	}
	var began, ended time.Time
	sample, _, err := b.measured(s, "update while compacting", func() (load.Sample, error) {
		return s.client.UpdateWhile(ctx, b.workers, s.keys, func(ctx context.Context) error {
			began = time.Now()
			err := s.client.Compact(ctx, revision)
			ended = time.Now()
			return err
		})
	})
	if err != nil {
		return err
	}
	meanwhile := sample.During(began, ended)
	median, p99 := load.Quantile(meanwhile, 0.5), load.Quantile(meanwhile, 0.99)
	if median == 0 {
		return fmt.Errorf("nobody wrote during a compaction of %v", ended.Sub(began))
	}
	b.note(s, "compaction", "s", ended.Sub(began).Seconds())
	b.note(s, "write p50 while compacting", "ms", milliseconds(median))
	b.note(s, "write p99 while compacting", "ms", milliseconds(p99))
	b.note(s, rowCompaction, "", float64(p99)/float64(median))
	return nil
}
