package histories

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/check"
	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/server"
)

var (
	seed = flag.Uint64("seed", 0,
		"seed of the first history of each mode, the next ones count on; 0 takes the clock")
	count    = flag.Int("histories", 1, "number of histories of each mode")
	duration = flag.Duration("duration", 5*time.Second, "how long clients write in one history")
	windows  = flag.Int("windows", 0,
		"how many windows of a history porcupine gets; 0 is all of them")
	decision = flag.Duration("decision", time.Minute,
		"how long porcupine may take for a window; the ones that it leaves undecided are counted")
	file = flag.String("campaign", "",
		"file that keeps what has passed, for a run that goes on where it was interrupted")
)

var modes = []mode{
	{name: "plain"},
	{name: "compaction", compactEvery: 200 * time.Millisecond},
	{name: "kills", kills: true, compactEvery: time.Second},
	{name: "pauses", pauses: true},
	{name: "flood", flood: true},
	{name: "everything", kills: true, pauses: true, compactEvery: 200 * time.Millisecond},
	{name: "outages", outages: true, compactEvery: time.Second},
	{name: "leaders", leaders: true, compactEvery: time.Second},
	{name: "nodes", nodes: true, compactEvery: time.Second},
}

// possible tells whether the server under test can have this mode: two need a database server.
func (m mode) possible(t *testing.T) bool {
	onServer := server.UnderTest(t).Name == "kubase" && !server.IsSQLite()
	switch {
	case m.outages: // the proxy is for one server
		return onServer && !server.IsCluster()
	case m.leaders:
		return onServer
	case m.nodes:
		return onServer && server.IsCluster()
	default:
		return true
	}
}

func TestHistories(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	c := campaign.Open(t, *file, fmt.Sprintf("histories of %v from seed %d", *duration, *seed),
		server.UnderTest(t).Binary)
	defer c.End(t)
	for i := range *count {
		for _, m := range modes {
			seed := *seed + uint64(i)
			name := fmt.Sprintf("%s/%d", m.name, seed)
			if !m.possible(t) || c.Passed(name) {
				continue
			}
			var counts campaign.Counts
			if !t.Run(m.name, func(t *testing.T) { counts = one(t, m, seed) }) {
				return
			}
			if counts != nil { // not left out by -run
				c.Pass(t, name, counts)
			}
		}
	}
}

// one makes and checks one history, and counts what it was.
func one(t *testing.T, m mode, seed uint64) campaign.Counts {
	t.Logf("replay with -run 'TestHistories/%s$' -args -seed=%d -duration=%v (chance decides "+
		"about the interleaving)", m.name, seed, *duration)
	r := newRun(t, m, seed)
	h := r.make(*duration)
	if t.Failed() {
		return nil
	}
	began := time.Now()
	report := check.History(h, check.Options{
		Windows: *windows, Timeout: *decision,
		// etcd leaves it out of a few events in ten thousand, with no compaction near.
		PreviousMayMiss: r.server.Kind().Name == "etcd",
	})
	t.Logf("%v; disturbances: %v; checked in %v", report, r.disturbances,
		time.Since(began).Round(time.Millisecond))
	if err := report.Err(); err != nil {
		t.Error(err)
		keep(t, h)
	}
	counts := campaign.Counts{
		"histories": 1, "operations": int64(report.Operations),
		"operations of unknown outcome": int64(report.Unknown),
		"revisions":                     int64(report.Revisions), "events": int64(report.Events),
		"watches": int64(report.Watches), "watch responses": int64(report.Responses),
		"progress responses": int64(report.Progress), "fragments": int64(report.Fragments),
		"watches overtaken by compaction": int64(report.Overtaken),
		"ranges with selectors":           int64(report.SelectingRanges),
		"watches with selectors":          int64(report.SelectingWatches),
		"events of forgotten values":      int64(report.Forgotten),
		"windows":                         int64(report.Windows), "undecided windows": int64(report.Undecided),
	}
	maps.Copy(counts, r.disturbances)
	return counts
}

// keep leaves a wrong history for those who look for its cause.
func keep(t *testing.T, h *history.History) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("history-%d.txt", time.Now().UnixNano()))
	if err := h.Write(path); err != nil {
		t.Error(err)
		return
	}
	t.Logf("the whole history is in %s", path)
}
