package crash

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/diskfaults"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

var disks = flag.Int("disks", 0,
	"how many servers get the faults of the disk, each with a seed of its own")

// faults are those of one server. The First is drawn.
var faults = []diskfaults.Fault{
	{Call: diskfaults.Write, Action: diskfaults.InputOutput, Count: 1},
	{Call: diskfaults.Write, Action: diskfaults.InputOutput},
	{Call: diskfaults.Write, Action: diskfaults.NoSpace, Count: 1},
	{Call: diskfaults.Write, Action: diskfaults.NoSpace},
	{Call: diskfaults.Grow, Action: diskfaults.NoSpace},
	{Call: diskfaults.Sync, Action: diskfaults.InputOutput, Count: 1},
	{Call: diskfaults.Sync, Action: diskfaults.InputOutput, Count: 3},
	{Call: diskfaults.Sync, Action: diskfaults.InputOutput},
	{Call: diskfaults.Sync, Action: diskfaults.NoSpace, Count: 1},
	{Call: diskfaults.Truncate, Action: diskfaults.InputOutput, Count: 1},
	{Call: diskfaults.Truncate, Action: diskfaults.InputOutput},
	{Call: diskfaults.Sync, Action: diskfaults.Late(300 * time.Millisecond), Count: 5},
}

// A disk that fails refuses writes as long as it does, and nothing else: reads and watches go on,
// nothing acknowledged is lost, and writes go on by themselves.
func TestDiskFaults(t *testing.T) {
	onlyKubase(t)
	first := firstSeed()
	t.Logf("replay with -run TestDiskFaults -args -seed=%d", first)
	failDisk(t, first, 12)
}

func TestManyDiskFaults(t *testing.T) {
	onlyKubase(t)
	if *disks == 0 {
		t.Skip("takes long: -disks=N lets N of them fail")
	}
	first := firstSeed()
	c := campaign.Open(t, campaignFile("disks"), fmt.Sprintf("disks seed=%d", *seed),
		server.Kubase(t).Binary)
	for i := range *disks {
		seed := first + uint64(i)
		if id := fmt.Sprint(i); !c.Passed(id) {
			t.Run(id, func(t *testing.T) {
				t.Logf("replay with -run TestManyDiskFaults -args -disks=1 -seed=%d", seed)
				c.Pass(t, id, failDisk(t, seed, 200))
			})
		}
	}
	c.Report(t)
}

// failDisk lets one server meet every fault, from the first to the furthest call on.
func failDisk(t *testing.T, seed uint64, furthest int) campaign.Counts {
	disk := diskfaults.New(t)
	s := server.StartWith(t, server.Kubase(t), server.Options{Env: disk.Env()})
	r := newRun(t, s, seed)
	r.survivor = newSurvivor(r.log)
	r.changers["survivor"] = r.survivor
	for _, i := range r.random.Perm(len(faults)) {
		fault := faults[i]
		fault.First = 1 + r.random.IntN(furthest)
		if fault.Call == diskfaults.Truncate {
			fault.First = 1 + r.random.IntN(3)
		}
		r.work(func() bool {
			r.meet(disk, fault)
			return false
		})
		r.verify()
		if t.Failed() {
			t.Fatalf("with the fault %v; the survivor was told: %v", fault, r.survivor.errors)
		}
	}
	r.workUntilKilled(100 * time.Millisecond)
	s.Restart()
	r.verify()
	t.Logf("revision %d, %d faults: %v; refusals: %v", r.log.Last(), len(faults), r.totals,
		r.survivor.errors)
	counts := r.counts()
	counts["disk faults"] = int64(len(faults))
	return counts
}

// meet lets clients work until the fault was met, heals the disk, and waits until writes go on.
func (r *run) meet(disk *diskfaults.Disk, fault diskfaults.Fault) {
	time.Sleep(50 * time.Millisecond)
	disk.Set(fault)
	met := r.await(20*time.Second, func() bool { return disk.Met() >= max(1, int64(fault.Count)) })
	expect.True(r.t, met, "the fault %v was met %d times", fault, disk.Met())
	if fault.Count == 0 {
		time.Sleep(time.Duration(r.random.IntN(1000)) * time.Millisecond)
	}
	disk.Heal()
	before := r.survivor.succeeded.Load()
	again := r.await(10*time.Second, func() bool { return r.survivor.succeeded.Load() > before+1 })
	expect.True(r.t, again, "no write succeeds after the fault %v", fault)
}

// await polls a condition until it holds or the limit has passed.
func (r *run) await(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); !holds(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}
