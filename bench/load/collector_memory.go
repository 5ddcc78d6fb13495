package main

import (
	"context"
	"fmt"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/report"
)

// quietTime is how long nobody asks for anything before memory is read, so that what was under way
// has ended and the process has given back what it has no use for.
const quietTime = 15 * time.Second

// memory is a figure of what kube-controller-manager holds.
type memory struct {
	name string
	of   func(m kube.Memory) int64
}

var memories = []memory{
	{"heap", func(m kube.Memory) int64 { return m.HeapInUse }},
	{"resident", func(m kube.Memory) int64 { return m.RSS }},
}

func (m memory) row(size int) string {
	if size == 0 {
		return "manager " + m.name + ", no objects"
	}
	return fmt.Sprintf("manager %s, %s objects", m.name, report.Number(float64(size)))
}

func (m memory) growthRow(size int) string {
	return fmt.Sprintf("manager %s, growth to %s", m.name, report.Number(float64(size)))
}

// measureManagerMemory lets the number of custom resources grow and notes what the
// kube-controller-manager holds at each.
func (b *bench) measureManagerMemory(ctx context.Context, p *plane) error {
	if err := p.api.Define(ctx, itemKind); err != nil {
		return err
	}
	filled := 0
	var empty kube.Memory
	for _, size := range append([]int{0}, b.objects...) {
		err := b.create(ctx, p, "objects", filled, size, func(ctx context.Context, n int) error {
			return p.api.Create(ctx, itemKind, n)
		})
		if err != nil {
			return err
		}
		held, err := p.quietMemory(ctx)
		if err != nil {
			return err
		}
		if size == 0 {
			empty = held
		}
		b.noteManagerMemory(p, size, held, empty)
		filled = size
	}
	return nil
}

// quietMemory is what the kube-controller-manager holds when it has seen all objects.
func (p *plane) quietMemory(ctx context.Context) (kube.Memory, error) {
	if err := p.awaitCollector(ctx, itemKind); err != nil {
		return kube.Memory{}, err
	}
	if err := pause(ctx, quietTime); err != nil {
		return kube.Memory{}, err
	}
	if err := peer.Settle(ctx, p.manager.Pid()); err != nil {
		return kube.Memory{}, err
	}
	return p.manager.Memory(ctx)
}

func (b *bench) noteManagerMemory(p *plane, size int, held, empty kube.Memory) {
	for _, m := range memories {
		b.noteIn(p.column, m.row(size), "MB", float64(m.of(held))/1e6)
		if size > 0 {
			growth := m.of(held) - m.of(empty)
			b.noteIn(p.column, m.growthRow(size), "MB", float64(growth)/1e6)
		}
	}
	row := memories[1].row(size)
	b.report.AddDetail(p.column, row+": private", "MB", float64(held.Private)/1e6)
	b.report.AddDetail(p.column, row+": peak so far", "MB", float64(held.PeakRSS)/1e6)
	b.report.AddDetail(p.column, row+": processor time so far", "s", held.CPU.Seconds())
}
