package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantileIsTheSmallestThatTheShareDoesNotExceed(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	cases := []struct {
		sorted []time.Duration
		share  float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{hundred[:1], 0.99, 1},
		{hundred[:2], 0.5, 1},
		{hundred[:3], 0.5, 2},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred, 0, 1},
	}
	for _, c := range cases {
		if got := Quantile(c.sorted, c.share); got != c.want {
			t.Errorf("Quantile of %d durations, %v: got %d, want %d", len(c.sorted), c.share, got,
				c.want)
		}
	}
}

func TestEachPositionBelongsToOneWorker(t *testing.T) {
	for _, workers := range []int{1, 3, 8, 64} {
		keys := NewKeys(100)
		seen := make([]int, keys.Len())
		for worker := range workers {
			for n := range keys.share(worker, workers) {
				seen[worker+n*workers]++
			}
		}
		if slices.ContainsFunc(seen, func(times int) bool { return times != 1 }) {
			t.Errorf("%d workers: %v", workers, seen)
		}
	}
}

func TestWorkersShareTheOperations(t *testing.T) {
	for _, operations := range []int{0, 1, 7, 8, 9, 100} {
		sum := 0
		for worker := range 8 {
			sum += inAll(operations)(worker, 8)
		}
		if sum != operations {
			t.Errorf("8 workers do %d of %d operations", sum, operations)
		}
	}
}

func TestExtraKeysLieBetweenTheOthers(t *testing.T) {
	keys := NewKeys(1000)
	extra := keys.Between(100)
	names := map[string]bool{}
	for i := range keys.Len() {
		names[string(keys.sorted(i))] = true
	}
	for i := range extra.Len() {
		name := string(extra.sorted(i))
		if names[name] || name < string(keys.sorted(0)) || name > string(keys.sorted(999))+"~" {
			t.Errorf("%s is one of the others or outside of them", name)
		}
		names[name] = true
	}
	if len(names) != 1100 {
		t.Errorf("%d names", len(names))
	}
}

func TestAValueTellsWhenItWasStamped(t *testing.T) {
	value := newValue(rand.New(rand.NewPCG(1, 1)))
	if len(value) != ValueBytes {
		t.Fatalf("a value of %d bytes", len(value))
	}
	before := time.Now()
	stamp(value)
	after := time.Now()
	got, err := age(value)
	now := time.Now()
	if err != nil || got < 0 || got > now.Sub(before) {
		t.Fatalf("age %v, error %v; stamped between %v and %v before", got, err, now.Sub(after),
			now.Sub(before))
	}
	if _, err := age([]byte("short")); err == nil {
		t.Error("a short value has an age")
	}
}

func TestEachNumberHasItsTurnOnce(t *testing.T) {
	for _, workers := range []int{1, 3, 64} {
		turns := make([]atomic.Int32, 10)
		sample, err := Each(context.Background(), workers, 4, 10,
			func(_ context.Context, number int) error {
				turns[number].Add(1)
				return nil
			})
		if err != nil || sample.Operations != 6 {
			t.Errorf("%d workers: %d operations, %v", workers, sample.Operations, err)
		}
		for number := range turns {
			if got, want := turns[number].Load() == 1, number >= 4; got != want {
				t.Errorf("%d workers: number %d had %d turns", workers, number, turns[number].Load())
			}
		}
	}
}
