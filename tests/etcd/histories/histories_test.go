package histories

import (
	"flag"
	"testing"
	"time"

	"kubase/tests/etcd/internal/check"
)

var (
	seed = flag.Uint64("seed", 0,
		"seed of clients, watches and disturbances; 0 takes the clock")
	duration = flag.Duration("duration", 5*time.Second, "how long clients write in one history")
	windows  = flag.Int("windows", 0,
		"how many windows of a history porcupine gets; 0 is all of them")
)

var modes = []mode{
	{name: "plain"},
	{name: "compaction", compactEvery: 200 * time.Millisecond},
	{name: "kills", kills: true, compactEvery: time.Second},
	{name: "pauses", pauses: true},
	{name: "everything", kills: true, pauses: true, compactEvery: 200 * time.Millisecond},
}

func TestHistories(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			one(t, m, first)
		})
	}
}

func one(t *testing.T, m mode, seed uint64) {
	t.Logf("replay with -run TestHistories/%s -args -seed=%d -duration=%v (the interleaving differs)",
		m.name, seed, *duration)
	r := newRun(t, m, seed)
	h := r.make(*duration)
	if t.Failed() {
		return
	}
	began := time.Now()
	report := check.History(h, check.Options{Windows: *windows, Timeout: time.Minute})
	t.Logf("%v; %d kills, %d pauses; checked in %v", report, r.kills, r.pauses,
		time.Since(began).Round(time.Millisecond))
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}
