package issues

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
)

// Compaction goes on after the database server was away under it, as often as that happens.
func TestKine489And414CompactionGoesOnAfterAnOutageOfTheServer(t *testing.T) {
	t.Parallel()
	onlyServers(t)
	t.Logf("replay with -run Kine489 -args -seed=%d -outages=%d", *seed, *outages)
	random := rand.New(rand.NewPCG(*seed, 414))
	proxy := tcpproxy.Start(t, server.DatabaseAddress())
	s := server.StartWith(t, server.Kubase(t), server.Options{DatabaseAddress: proxy.Address()})
	c := s.Client(t)
	value := []byte(strings.Repeat("v", 500))
	failed := 0
	for range *outages {
		fill(c, "/k/", 0, 1999, value)
		last := fill(c, "/k/", 0, 1999, value)
		_, err := c.KV.Compact(server.Context(t), &pb.CompactionRequest{Revision: last - 20})
		expect.OK(t, err)
		// A commit of a step of the compaction, or of the write.
		proxy.CutAt([]byte("COMMIT"), random.IntN(2) == 0)
		if random.IntN(2) == 0 {
			proxy.Refuse()
		}
		_, err = c.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("/k/000000"), Value: value})
		if err != nil {
			failed++
		}
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		proxy.CutAt(nil, false)
		proxy.Accept()
		awaitCompacted(t, c, last, err)
		expect.Equal(t, "keys", c.Range(everything()).Count, 2000)
	}
	expect.True(t, failed > 0, "no write has failed")
	t.Logf("%d outages, %d failed writes", *outages, failed)
}

// With innodb_snapshot_isolation a locking read of MariaDB fails with the error 1020 when the row has
// changed since the snapshot of its transaction. Writes, old reads and compaction go on beside each
// other all the same.
func TestKine745SnapshotIsolation(t *testing.T) {
	onlyServers(t)
	if server.IsPostgres() {
		t.Skip("this is about MariaDB")
	}
	administer(t, "SET GLOBAL innodb_snapshot_isolation = ON")
	t.Cleanup(func() { administer(t, "SET GLOBAL innodb_snapshot_isolation = DEFAULT") })
	s := server.Start(t)
	c := s.Client(t)
	done := make(chan error, 1)
	go func() {
		other := s.Client(t)
		var err error
		for i := 0; i < 1000 && err == nil; i++ {
			_, err = other.KV.Put(server.Context(t),
				&pb.PutRequest{Key: fmt.Appendf(nil, "/k/%d", i%10), Value: []byte("v")})
		}
		done <- err
	}()
	compacted := int64(0)
	for writing := true; writing; {
		select {
		case err := <-done:
			expect.OK(t, err)
			writing = false
		default:
		}
		revision := c.Range(everything()).Header.Revision
		if revision > compacted {
			c.Compact(revision)
			compacted = revision
		}
		old := everything()
		old.Revision = compacted
		_, err := c.KV.Range(server.Context(t), old)
		expect.OK(t, err)
	}
	expect.Equal(t, "revision", c.Revision(), 1001)
	hash, err := c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{})
	expect.OK(t, err)
	expect.Equal(t, "compacted revision", hash.CompactRevision, 1001)
}

// administer runs a statement on the MariaDB server.
func administer(t *testing.T, statement string) {
	t.Helper()
	host, port, err := net.SplitHostPort(server.DatabaseAddress())
	expect.OK(t, err)
	output, err := exec.Command("mariadb", "--no-defaults", "--host="+host, "--port="+port,
		"--user=kubase", "--execute="+statement).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", statement, err, output)
	}
}
