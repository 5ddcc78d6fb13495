package crash

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

var (
	seed = flag.Uint64("seed", 0,
		"seed of the clients and of the times of the kills; 0 takes the clock")
	rounds  = flag.Int("rounds", 5, "how many times one server is killed at a random time")
	servers = flag.Int("servers", 1, "how many servers are killed, each with a seed of its own")
	folder  = flag.String("campaign", "",
		"directory that keeps what has passed, for a run that goes on where it was interrupted")
)

// TestMain removes what was kept of passed cases when nothing is left to do.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && *folder != "" {
		if err := os.RemoveAll(*folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func TestKillsWhileWriting(t *testing.T) {
	first := firstSeed()
	name := fmt.Sprintf("kills seed=%d rounds=%d servers=%d", *seed, *rounds, *servers)
	c := campaign.Open(t, campaignFile("kills"), name, server.UnderTest(t).Binary)
	for i := range *servers {
		seed := first + uint64(i)
		if id := fmt.Sprint(i); !c.Passed(id) {
			t.Run(id, func(t *testing.T) {
				t.Logf("replay with -run TestKillsWhileWriting -args -seed=%d -rounds=%d "+
					"(the moments of the kills differ)", seed, *rounds)
				c.Pass(t, id, killAtRandom(t, seed))
			})
		}
	}
	c.Report(t)
}

// killAtRandom kills one server again and again while clients write, and some starts of it too.
func killAtRandom(t *testing.T, seed uint64) campaign.Counts {
	r := newRun(t, server.Start(t), seed)
	for round := range *rounds {
		r.workUntilKilled(time.Duration(100+r.random.IntN(1100)) * time.Millisecond)
		if r.random.IntN(3) == 0 {
			r.server.StartAndKill(time.Duration(r.random.IntN(150)) * time.Millisecond)
			r.totals.kills++
		}
		r.server.Restart()
		r.verify()
		if t.Failed() {
			t.Fatalf("round %d failed", round)
		}
	}
	t.Logf("revision %d: %v", r.log.Last(), r.totals)
	return r.counts()
}

func firstSeed() uint64 {
	if *seed == 0 {
		return uint64(time.Now().UnixNano())
	}
	return *seed
}

func campaignFile(name string) string {
	if *folder == "" {
		return ""
	}
	return *folder + "/" + name
}

func (r *run) counts() campaign.Counts {
	expect.True(r.t, r.log.Last() > 1, "nothing was written")
	return campaign.Counts{
		"kills": int64(r.totals.kills), "acknowledged revisions": r.log.Last() - 1,
		"changes under way": int64(r.totals.doubtful), "of them happened": int64(r.totals.happened),
		"steps of collection": r.parent.collected,
	}
}
