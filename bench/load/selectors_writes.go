package main

import (
	"context"
	"fmt"
	"os"

	"kubase/bench/load/internal/load"
	"kubase/bench/load/internal/resource"
)

const (
	rowPlainRate    = "create, no labels"
	rowLabelledRate = "create, 5 labels"
	rowPlainCPU     = "server CPU per create, no labels"
	rowLabelledCPU  = "server CPU per create, 5 labels"
	rowWriteTime    = "time per create, 5 labels to none"
	rowWriteCPU     = "server CPU per create, 5 labels to none"
)

// writeTurns is how often the two take turns in a round: the machine's speed changes from one second
// to the next.
const writeTurns = 6

// plainKind is the kind of the objects without labels.
var plainKind = resource.Kind{Singular: "plain"}

// runWrites compares creations of objects with labels with those of objects without, over the etcd
// API alone, each server with an empty store in each round.
func (b *bench) runWrites(ctx context.Context) error {
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "writes, round %d of %d\n", round+1, b.rounds)
		for _, kind := range b.kinds {
			if err := b.start(ctx, kind, kind.Name, 0); err != nil {
				return err
			}
		}
		for turn := range writeTurns {
			if err := b.runPhases(ctx, round, b.writePhases(round+turn, turn)); err != nil {
				return err
			}
		}
		if err := b.stopAll(); err != nil {
			return err
		}
	}
	b.noteRatio(rowWriteTime, rowPlainRate, rowLabelledRate)
	b.noteRatio(rowWriteCPU, rowLabelledCPU, rowPlainCPU)
	return nil
}

// writePhases are the two in the order of a turn, in which the second finds what the first wrote.
func (b *bench) writePhases(order, turn int) []phase {
	phases := []phase{
		b.writePhase(rowPlainRate, rowPlainCPU, plainKind, plainKind.Unlabelled, turn),
		b.writePhase(rowLabelledRate, rowLabelledCPU, itemKind, itemKind.Object, turn),
	}
	if order%2 == 1 {
		phases[0], phases[1] = phases[1], phases[0]
	}
	return phases
}

func (b *bench) writePhase(rowRate, rowCPU string, kind resource.Kind,
	object func(number int) []byte, turn int) phase {
	return phase{rowRate, func(ctx context.Context, s *subject) error {
		count := b.keys / 2
		objects := load.NewObjects(kind, object, turn*count, count)
		sample, used, err := b.measured(s, rowRate, func() (load.Sample, error) {
			return s.client.Create(ctx, b.workers, objects)
		})
		if err == nil {
			b.note(s, rowRate, "/s", sample.Rate())
			b.note(s, rowCPU, "µs", microseconds(used.CPU)/float64(sample.Operations))
		}
		return err
	}}
}
