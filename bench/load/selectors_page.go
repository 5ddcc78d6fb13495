package main

import (
	"context"
	"fmt"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/resource"
)

const (
	// pageObjects all match the selector of the page.
	pageObjects = 100_000

	rowPage         = "page of 500, no selector"
	rowPageSelected = "page of 500, all match"
	rowPageRatio    = "page of 500, all match, to no selector"
)

// runPage compares a page of a list whose selector matches every object with one that has none.
func (b *bench) runPage(ctx context.Context) error {
	kind, wanted := b.kindNamed("kubase")
	if !wanted {
		return nil
	}
	s, err := b.startCluster(ctx, kind, itemKind)
	if err != nil {
		return err
	}
	if err := b.fill(ctx, s, 0, min(pageObjects, b.objects.largest())); err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, s.logTail())
	}
	phases := []phase{
		b.pagePhase(rowPage, ""),
		b.pagePhase(rowPageSelected, resource.CommonLabel),
	}
	for round := range b.rounds {
		if err := b.runPhases(ctx, round, phases); err != nil {
			return err
		}
	}
	b.noteRatio(rowPageRatio, rowPageSelected, rowPage)
	return nil
}

func (b *bench) pagePhase(row, selector string) phase {
	query := kube.Query{Labels: selector, Limit: load.PageSize}
	return phase{row, func(ctx context.Context, s *subject) error {
		sample, _, err := b.measured(s, row, func() (load.Sample, error) {
			return load.Repeat(ctx, 1, b.duration(),
				func(ctx context.Context, _, _ int) (time.Duration, error) {
					return s.api.Expect(ctx, itemKind, query, 0, load.PageSize-1, true)
				})
		})
		if err == nil {
			b.note(s, row, "ms", milliseconds(load.Quantile(sample.Latencies(), 0.5)))
		}
		return err
	}}
}
