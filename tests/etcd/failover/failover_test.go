// Package failover loses the database server under kubase, to an asynchronous copy that takes its
// place (tests/databases/postgres_pair.py).
package failover

import (
	"flag"
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/database"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/server"
)

var (
	count = flag.Int("failovers", 1, "number of failovers of each kind")
	file  = flag.String("campaign", "",
		"file that keeps what has passed, for a run that goes on where it was interrupted")
)

// recovery is how long kubase may take after the new server takes writes.
const recovery = 3 * time.Second

func TestFailovers(t *testing.T) {
	c := campaign.Open(t, *file, "failovers", server.Kubase(t).Binary)
	defer c.End(t)
	kinds := []struct {
		name string
		make func(t *testing.T) campaign.Counts
	}{
		{"copy that has everything", toCopyThatHasEverything},
		{"copy that lags", toCopyThatLags},
		{"copy while nobody looks", toCopyWhileNobodyLooks},
	}
	for i := range *count {
		for _, kind := range kinds {
			name := fmt.Sprintf("%s/%d", kind.name, i)
			if c.Passed(name) {
				continue
			}
			var counts campaign.Counts
			if !t.Run(kind.name, func(t *testing.T) { counts = kind.make(t) }) {
				return
			}
			if counts != nil { // not left out by -run
				counts["failovers"] = 1
				// Each of these would have failed the test.
				counts["other writes lost"], counts["revisions used twice"] = 0, 0
				c.Pass(t, name, counts)
			}
		}
	}
}

// A copy that had everything takes over: nothing is lost, nothing is repeated, the watches that were
// open go on, and a later start has nothing to pass over.
func toCopyThatHasEverything(t *testing.T) campaign.Counts {
	s := server.Start(t)
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	for i := range 100 {
		c.Put(fmt.Sprintf("/k/%d", i), "before")
	}
	database.Do(t, "catch_up")
	database.Do(t, "failover")
	put := outage.PutWhenPossible(t, c, "/k/after", recovery)
	recovered := time.Now()
	if want := int64(102); put.Header.Revision != want {
		t.Errorf("the first revision afterwards is %d, want %d", put.Header.Revision, want)
	}
	if got := c.Range(prefix()).Count; got != 101 {
		t.Errorf("%d keys are there, want 101", got)
	}
	outage.ExpectRevisions(t, stream, 2, 102)
	database.Do(t, "copy")
	awaitRenewal(t, c, recovered)
	s.Stop()
	s.Restart()
	if got := s.Client(t).Put("/k/again", "1").Header.Revision; got != 103 {
		t.Errorf("the first revision after a restart is %d, want 103", got)
	}
	return campaign.Counts{"acknowledged writes": 102, "watches that went on": 1}
}

// A copy that lags takes over: what it lacks is lost, but no revision is used twice, and who watches is
// told to list again: etcd's own client with a watch that was open, and who opens one later.
func toCopyThatLags(t *testing.T) campaign.Counts {
	s := server.Start(t)
	c := s.Client(t)
	open := outage.WatchEverything(t, s)
	c.Put("/k/kept", "1")
	database.Do(t, "catch_up")
	database.Do(t, "lag")
	const lost = 50
	var last int64
	for i := range lost {
		last = c.Put(fmt.Sprintf("/k/lost/%d", i), "1").Header.Revision
	}
	open.ExpectUntil(last)
	database.Do(t, "failover")
	put := outage.PutWhenPossible(t, c, "/k/after", 10*time.Second)
	if put.Header.Revision <= last+1 {
		t.Errorf("the first revision afterwards is %d, not far above %d", put.Header.Revision, last)
	}
	if got := c.Range(prefix()).Count; got != 2 {
		t.Errorf("%d keys are there, want 2", got)
	}
	told, isOpen := open.Next()
	if !isOpen || len(told.Events) > 0 || told.CompactRevision <= last {
		t.Errorf("a watch that was open, and had come to %d, gets %v; it was to be told that this is "+
			"compacted", last, told)
	}
	later := outage.OpenWatch(t, c, last)
	response, err := later.Recv()
	if err == nil && response.Created {
		response, err = later.Recv()
	}
	if err != nil || response.CompactRevision <= last {
		t.Errorf("a watch from %d on gets %v, %v; it was to be told that this is compacted", last,
			response, err)
	}
	database.Do(t, "copy")
	return campaign.Counts{
		"acknowledged writes": lost + 2, "writes that the copy lacked": lost, "watches told to list again": 2,
	}
}

// A copy takes over while kubase is away: it cannot know what was lost, and supposes the worst.
func toCopyWhileNobodyLooks(t *testing.T) campaign.Counts {
	s := server.Start(t)
	c := s.Client(t)
	c.Put("/k/kept", "1")
	database.Do(t, "catch_up")
	database.Do(t, "lag")
	lost := c.Put("/k/lost", "1").Header.Revision
	s.Kill()
	database.Do(t, "failover")
	s.Restart()
	if got := c.Put("/k/after", "1").Header.Revision; got < lost+1000 {
		t.Errorf("the first revision afterwards is %d, not far above %d", got, lost)
	}
	database.Do(t, "copy")
	s.Stop()
	s.Restart()
	before := c.Revision()
	if again := c.Put("/k/again", "1").Header.Revision; again != before+1 {
		t.Errorf("revisions jump from %d to %d without need", before, again)
	}
	return campaign.Counts{"acknowledged writes": 4, "writes that the copy lacked": 1}
}

// awaitRenewal returns when the lead was renewed after that moment, which may be long ago: leases are
// told from memory, which kubase does for three seconds after each renewal.
func awaitRenewal(t *testing.T, c *server.Client, after time.Time) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		late := time.Since(after) > 3*time.Second
		_, err := c.Lease.LeaseLeases(server.Context(t), &pb.LeaseLeasesRequest{})
		if late && err == nil {
			return
		}
	}
	t.Fatal("the lead is not renewed")
}

func prefix() *pb.RangeRequest {
	return &pb.RangeRequest{Key: []byte("/k/"), RangeEnd: []byte("/k0")}
}
