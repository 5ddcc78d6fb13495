package issues

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/diskfaults"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

var (
	outages = flag.Int("outages", 6, "how many outages the compaction has to survive")
	seed    = flag.Uint64("seed", 1, "seed of the outages")
)

// When all live keys are older than the compacted revision, a restart finds the revision again.
func TestKine311RestartAfterCompactingEverything(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	fill(c, "/live/", 0, 99, []byte("v"))
	for range 5 {
		c.Put("gone", "v")
		c.Delete("gone", "")
	}
	last := c.Revision()
	c.Compact(last)
	for range 2 {
		s.Stop()
		s.Restart()
		c = s.Client(t)
		expect.Equal(t, "revision", c.Revision(), last)
		request := everything()
		request.Revision = last
		expect.Equal(t, "keys at the compacted revision", c.Range(request).Count, 100)
	}
	expect.Equal(t, "next revision", c.Put("gone", "v").Header.Revision, last+1)
}

// Several apiservers compact by the protocol of compact_rev_key: the one that changes the key
// compacts, to a revision that it had read before. Nobody else compacts, so none passes the key.
func TestKine513CompactRevKey(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	const apiservers, rounds = 3, 25
	var group sync.WaitGroup
	var mutex sync.Mutex
	compactions := []int64{}
	for range apiservers {
		c := s.Client(t)
		group.Go(func() {
			version, revision := int64(0), int64(0)
			for range rounds {
				won, seen, current := turn(t, c, version, revision)
				if won && revision > 0 {
					_, err := c.KV.Compact(server.Context(t),
						&pb.CompactionRequest{Revision: revision})
					if err != nil { // the next one has won and compacted before this was sent
						expect.Equal(t, "error", status.Convert(err).Message(), expect.Compacted.Text)
						continue
					}
					mutex.Lock()
					compactions = append(compactions, revision)
					mutex.Unlock()
				}
				version, revision = seen, current
				c.Put("/registry/pods/a", fmt.Sprint(current))
			}
		})
	}
	group.Wait()
	c := s.Client(t)
	key := c.Get("compact_rev_key").Kvs[0]
	expect.True(t, len(compactions) > 0, "nothing was compacted")
	expect.True(t, int64(len(compactions)) < key.Version, "%d compactions, the key has version %d",
		len(compactions), key.Version)
	highest := int64(0)
	for _, revision := range compactions {
		highest = max(highest, revision)
	}
	expect.True(t, highest < key.ModRevision, "compacted to %d, the key was written at %d", highest,
		key.ModRevision)
	for _, revision := range []int64{highest - 1, highest} {
		_, err := c.KV.Range(server.Context(t),
			&pb.RangeRequest{Key: []byte("a"), Revision: revision})
		expect.Equal(t, fmt.Sprintf("revision %d is readable", revision), err == nil,
			revision == highest)
	}
}

// turn is what an apiserver does every five minutes: it tells whether it may compact, and the
// version and the revision for its next turn.
func turn(t *testing.T, c *server.Client, version, revision int64) (won bool, seen, now int64) {
	const key = "compact_rev_key"
	response, err := c.KV.Txn(server.Context(t), &pb.TxnRequest{
		Compare: ops.If(ops.Compare(key, "", pb.Compare_VERSION, pb.Compare_EQUAL, version)),
		Success: ops.List(ops.Put(key, fmt.Sprint(revision))),
		Failure: ops.List(ops.Get(key)),
	})
	expect.OK(t, err)
	if response.Succeeded {
		return true, version + 1, response.Header.Revision
	}
	return false, response.Responses[0].GetResponseRange().Kvs[0].Version, response.Header.Revision
}

// Compaction goes on after the disk has failed under it, as often as that happens.
func TestKine489And414CompactionGoesOnAfterAnOutage(t *testing.T) {
	t.Parallel()
	onlySQLite(t, "the disk is that of kubase, and etcd ends when it fails")
	t.Logf("replay with -run Kine489 -args -seed=%d -outages=%d", *seed, *outages)
	random := rand.New(rand.NewPCG(*seed, 489))
	disk := diskfaults.New(t)
	s := server.StartWith(t, server.Kubase(t), server.Options{Env: disk.Env()})
	c := s.Client(t)
	value := []byte(strings.Repeat("v", 500))
	kinds := []diskfaults.Fault{
		{Call: diskfaults.Write, Action: diskfaults.InputOutput},
		{Call: diskfaults.Write, Action: diskfaults.NoSpace},
		{Call: diskfaults.Grow, Action: diskfaults.NoSpace},
		{Call: diskfaults.Sync, Action: diskfaults.InputOutput},
	}
	met := int64(0)
	for range *outages {
		fill(c, "/k/", 0, 1999, value)
		last := fill(c, "/k/", 0, 1999, value)
		fault := kinds[random.IntN(len(kinds))]
		fault.First = 1 + random.IntN(8)
		disk.Set(fault)
		_, err := c.KV.Compact(server.Context(t), &pb.CompactionRequest{Revision: last - 20})
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		met += disk.Met()
		disk.Heal()
		awaitCompacted(t, c, last, err)
		expect.Equal(t, "keys", c.Range(everything()).Count, 2000)
	}
	expect.True(t, met > 0, "no fault was met")
	t.Logf("%d outages, %d failed calls", *outages, met)
}

// awaitCompacted compacts to a revision, waits until the rows are gone, and checks it by the hash,
// which says what is compacted. Writes may be refused for a moment.
func awaitCompacted(t *testing.T, c *server.Client, revision int64, before error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); {
		_, err = c.KV.Compact(server.Context(t),
			&pb.CompactionRequest{Revision: revision, Physical: true})
		if err == nil || status.Convert(err).Message() == expect.Compacted.Text {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil && status.Convert(err).Message() != expect.Compacted.Text {
		t.Fatalf("no compaction after an outage: %v; during it: %v", err, before)
	}
	hash, err := c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{})
	expect.OK(t, err)
	expect.Equal(t, "compacted revision", hash.CompactRevision, revision)
}

// Another process that holds the lock of the database stops compaction for as long, not for ever:
// "database is locked".
func TestKine414DatabaseIsLocked(t *testing.T) {
	t.Parallel()
	onlySQLite(t, "the lock is that of the file")
	s := server.Start(t)
	c := s.Client(t)
	value := []byte(strings.Repeat("v", 500))
	fill(c, "/k/", 0, 9999, value)
	last := fill(c, "/k/", 0, 9999, value)
	lock := sqlite(database(s), "db.execute('PRAGMA busy_timeout = 20000')\n"+
		"db.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()")
	output, err := lock.StdoutPipe()
	expect.OK(t, err)
	unlock, err := lock.StdinPipe()
	expect.OK(t, err)
	// Far longer than the time for which a statement waits for the lock.
	ctx, cancel := context.WithTimeout(server.Context(t), time.Minute)
	defer cancel()
	_, err = c.KV.Compact(ctx, &pb.CompactionRequest{Revision: last - 1})
	expect.OK(t, err)
	expect.OK(t, lock.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	expect.OK(t, err)
	expect.Equal(t, "the other process", line, "locked\n")
	expect.Equal(t, "keys while it is locked", c.Range(everything()).Count, 10000)
	_, during := c.KV.Put(ctx, &pb.PutRequest{Key: []byte("/k/000001"), Value: value})
	expect.Fails(t, during, expect.TimedOut)
	expect.OK(t, unlock.Close())
	expect.OK(t, lock.Wait())
	awaitCompacted(t, c, last, during)
}

// A kill at each step of a compaction to the revision of a delete: the revision does not go back,
// the delete is still told, and what is above the compacted revision is whole.
func TestEtcd17780And18089And19179KillInCompaction(t *testing.T) {
	t.Parallel()
	onlyKubase(t, "the failpoints are those of kubase")
	reached := map[string]bool{}
	for _, name := range server.Failpoints(t) {
		if !strings.HasPrefix(name, "compaction.") {
			continue
		}
		for nth := 1; nth <= 4; nth++ {
			if killInCompaction(t, fmt.Sprintf("%s=crash@%d", name, nth)) {
				reached[name] = true
			}
		}
		expect.True(t, reached[name], "no compaction has reached %s", name)
	}
}

// killInCompaction returns whether the compaction that a client asked for reached the failpoint.
func killInCompaction(t *testing.T, failpoint string) (reached bool) {
	s := server.Prepare(t, server.Kubase(t), server.Options{})
	s.Launch()
	c := s.Client(t)
	fill(c, "/k/", 0, 999, []byte("v"))
	fill(c, "/k/", 0, 999, []byte("w"))
	c.Put("a", "1")
	deleted := c.Delete("a", "").Header.Revision
	s.Kill()
	s.SetEnv("KUBASE_FAILPOINTS=" + failpoint)
	if s.Launch() {
		_, err := s.Client(t).KV.Compact(server.Context(t),
			&pb.CompactionRequest{Revision: deleted, Physical: true})
		if reached = s.AwaitKilled(2 * time.Second); !reached {
			expect.OK(t, err)
			s.Kill()
		}
	}
	s.SetEnv()
	s.Restart()
	c = s.Client(t)
	expect.Equal(t, "revision after "+failpoint, c.Revision(), deleted)
	stream := watchstream.Open(t, c)
	stream.Create(watchAll(deleted))
	after := c.Put("a", "2").Header.Revision
	expect.Equal(t, "revision of a put", after, deleted+1)
	events := stream.Events(2)
	expect.Equal(t, "first event", events[0].Type, mvccpb.Event_DELETE)
	expect.Equal(t, "its revision", events[0].Kv.ModRevision, deleted)
	expect.Equal(t, "second event", events[1].Kv.ModRevision, after)
	expect.Equal(t, "keys", c.Range(everything()).Count, 1001)
	return reached
}
