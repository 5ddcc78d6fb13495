package crash

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

var (
	chains = flag.Int("chains", 0,
		"how many servers are killed at one failpoint after the other, each with a seed of its own")
	stops = flag.Int("stops", 1, "how many servers are stopped once at every failpoint")
)

const (
	// newDatabase is passed only at the first start.
	newDatabase = "schema.step"
	// oldEvents is passed when events are watched that were there before the start.
	oldEvents = "watch.catch-up"
	// pastRevisions are enough for watches that begin at several of them.
	pastRevisions = 200
)

// onceAStart are the failpoints that a server passes once, before it is ready.
var onceAStart = map[string]bool{newDatabase: true, "schema.ready": true, "store.opened": true}

// Every failpoint the first time it is reached, in a new database, and a later time, in one that a
// kill has left.
func TestCrashAtEveryFailpoint(t *testing.T) {
	onlyKubase(t)
	first := firstSeed()
	names := server.Failpoints(t)
	random := rand.New(rand.NewPCG(first, 3))
	t.Logf("replay with -run TestCrashAtEveryFailpoint -args -seed=%d", first)
	for _, name := range names {
		if name != oldEvents {
			t.Run(name+"@1", func(t *testing.T) {
				t.Parallel()
				r := newRun(t, server.Prepare(t, server.Kubase(t), server.Options{}), first)
				r.crashAt(name, 1)
			})
		}
		nth := 2 + random.IntN(9)
		if onceAStart[name] {
			nth = 1
		}
		if name != newDatabase {
			t.Run(fmt.Sprintf("%s@%d after a kill", name, nth), func(t *testing.T) {
				t.Parallel()
				r := newRun(t, server.Start(t), first)
				r.leavePast(pastRevisions)
				r.server.Restart()
				r.verify()
				r.server.Kill()
				r.crashAt(name, nth)
			})
		}
	}
}

func onlyKubase(t *testing.T) {
	t.Helper()
	if !isKubase(t) {
		t.Skip("the failpoints are those of kubase")
	}
}

// crashAt arms one failpoint of a server that does not run, lets clients work until it is reached,
// and checks what is left. The server runs then.
func (r *run) crashAt(name string, nth int) {
	failpoint := fmt.Sprintf("%s=crash@%d", name, nth)
	r.server.SetEnv("KUBASE_FAILPOINTS=" + failpoint)
	if !r.server.Launch() {
		r.totals.kills++
	} else if onceAStart[name] {
		r.t.Fatalf("the server has started and did not reach %s", failpoint)
	} else {
		r.workUntilDeath(failpoint)
	}
	r.server.SetEnv()
	r.server.Restart()
	r.verify()
	if r.t.Failed() {
		r.t.Fatalf("after a crash at %s", failpoint)
	}
}

// Chains of crashes at all failpoints, each reached for the first up to the 200th time.
func TestChainsOfCrashes(t *testing.T) {
	onlyKubase(t)
	if *chains == 0 {
		t.Skip("takes long: -chains=N runs N of them")
	}
	first := firstSeed()
	c := campaign.Open(t, campaignFile("failpoints"), fmt.Sprintf("chains seed=%d", *seed),
		server.Kubase(t).Binary)
	for i := range *chains {
		seed := first + uint64(i)
		if id := fmt.Sprint(i); !c.Passed(id) {
			t.Run(id, func(t *testing.T) {
				t.Logf("replay with -run TestChainsOfCrashes -args -chains=1 -seed=%d", seed)
				c.Pass(t, id, chain(t, seed))
			})
		}
	}
	c.Report(t)
}

// chain crashes one server at every failpoint once, in random order.
func chain(t *testing.T, seed uint64) campaign.Counts {
	r := newRun(t, server.Prepare(t, server.Kubase(t), server.Options{}), seed)
	r.crashAt(newDatabase, 1)
	r.leavePast(pastRevisions)
	r.server.Restart()
	r.verify()
	names := server.Failpoints(t)
	for _, i := range r.random.Perm(len(names)) {
		if names[i] == newDatabase {
			continue
		}
		nth := int(math.Exp(r.random.Float64() * math.Log(201)))
		if onceAStart[names[i]] {
			nth = 1
			r.workUntilKilled(time.Duration(r.random.IntN(200)) * time.Millisecond)
		} else {
			r.server.Kill()
		}
		began := time.Now()
		r.crashAt(names[i], nth)
		t.Logf("%s@%d after %v", names[i], nth, time.Since(began).Round(time.Millisecond))
	}
	t.Logf("revision %d: %v", r.log.Last(), r.totals)
	return r.counts()
}

// A server that is stopped at every failpoint for a while delays its clients and does nothing else
// to them.
func TestStopAtEveryFailpoint(t *testing.T) {
	onlyKubase(t)
	first := firstSeed()
	for i := range *stops {
		t.Run(fmt.Sprint(i), func(t *testing.T) { stopEverywhere(t, first+uint64(i)) })
	}
}

func stopEverywhere(t *testing.T, seed uint64) {
	t.Logf("replay with -run TestStopAtEveryFailpoint -args -seed=%d", seed)
	r := newRun(t, server.Prepare(t, server.Kubase(t), server.Options{}), seed)
	continuer := r.server.ContinueAfter(time.Duration(50+r.random.IntN(300)) * time.Millisecond)
	r.server.SetEnv("KUBASE_FAILPOINTS=" + newDatabase + "=stop")
	expect.True(t, r.server.Launch(), "the server did not start")
	expect.Equal(t, "stops at "+newDatabase, continuer.Stops(), 1)
	r.leavePast(pastRevisions)
	armed, names := "", server.Failpoints(t)
	for _, name := range names {
		nth := 1 + r.random.IntN(10)
		if onceAStart[name] {
			nth = 1
		}
		armed += fmt.Sprintf("%s=stop@%d,", name, nth)
	}
	r.server.SetEnv("KUBASE_FAILPOINTS=" + armed)
	expect.True(t, r.server.Launch(), "the server did not start again")
	r.verify()
	r.work(func() bool {
		awaitFailpoints(t, r.server, names)
		return false
	})
	r.verify()
	t.Logf("revision %d, %d stops", r.log.Last(), continuer.Stops())
}

// awaitFailpoints waits until every failpoint was reached; the test fails when none is for long: a
// slow disk can take seconds for each of the defragmentations that one of them counts.
// When several threads stop the process at the same time, one signal lets all of them go on: the
// number of stops would tell less.
func awaitFailpoints(t *testing.T, s *server.Server, names []string) {
	last, deadline := 0, time.Now().Add(reachLimit)
	for {
		reached := s.ReachedFailpoints()
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return reached[name]
		})
		if len(missing) == 0 {
			return
		}
		if len(reached) > last {
			last, deadline = len(reached), time.Now().Add(reachLimit)
		}
		if time.Now().After(deadline) {
			t.Errorf("not reached within %v: %v", reachLimit, missing)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
