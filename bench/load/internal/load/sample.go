package load

import (
	"slices"
	"time"
)

// Sample is what one measurement has found.
type Sample struct {
	Operations int
	Items      int64 // what the operations have received or done
	Elapsed    time.Duration
	timings    []timing
}

func newSample(crew []*worker, elapsed time.Duration) Sample {
	sample := Sample{Elapsed: elapsed}
	for _, w := range crew {
		sample.Items += w.items
		sample.timings = append(sample.timings, w.timings...)
	}
	sample.Operations = len(sample.timings)
	return sample
}

// Rate is the number of operations per second.
func (s Sample) Rate() float64 { return float64(s.Operations) / s.Elapsed.Seconds() }

// ItemRate is the number of items per second.
func (s Sample) ItemRate() float64 { return float64(s.Items) / s.Elapsed.Seconds() }

// Latencies are how long the operations took, in ascending order.
func (s Sample) Latencies() []time.Duration {
	return s.latencies(0, time.Since(epoch))
}

// During are the latencies of the operations that were under way at some moment of a time.
func (s Sample) During(from, to time.Time) []time.Duration {
	return s.latencies(from.Sub(epoch), to.Sub(epoch))
}

func (s Sample) latencies(from, to time.Duration) []time.Duration {
	all := make([]time.Duration, 0, len(s.timings))
	for _, t := range s.timings {
		if t.began+t.took >= from && t.began <= to {
			all = append(all, t.took)
		}
	}
	slices.Sort(all)
	return all
}

// Quantile is the smallest of some ascending durations that a share of them does not exceed.
func Quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, min(len(sorted)-1, int(share*float64(len(sorted))+0.999999)-1))]
}
