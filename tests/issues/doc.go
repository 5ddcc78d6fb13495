// Package issues has a regression test for each fault that systems like this one have had and that
// can happen here: on SQLite, and but for what is done to its file or its disk on database servers
// (../databases) too. The tests are named after the fault: KineNNN, K3sNNN and EtcdNNN
// are issues of these projects, Kine0ec37c6 is a commit.
//
// What needs two servers on one database is in kubase/tests/etcd/takeover, under the names of the
// faults: kine#676, kine#391, kine 0ec37c6, kine#759, kine#82 and etcd#20418. Not here is what cannot
// happen:
//
//	kine#676, kine#759    in their forms with ids that two writers take from a sequence: one process
//	                      writes, and counts revisions itself
//	k3s#10619, dqlite#133 the write-ahead log of a replicated SQLite
//
// The module is beside kubase/tests/etcd and has a path below it, so that it may use its internal
// packages.
package issues

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

// everything selects all keys.
func everything() *pb.RangeRequest {
	return &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}
}

// watchAll watches all keys from a revision on.
func watchAll(start int64) *pb.WatchCreateRequest {
	return &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: start}
}

// fill puts keys PREFIXnnnnnn from first up to last, 100 in one revision.
func fill(c *server.Client, prefix string, first, last int, value []byte) (revision int64) {
	for first <= last {
		puts := []*pb.RequestOp{}
		for ; first <= last && len(puts) < 100; first++ {
			puts = append(puts, ops.PutRequest(
				&pb.PutRequest{Key: fmt.Appendf(nil, "%s%06d", prefix, first), Value: value}))
		}
		revision = c.Txn(&pb.TxnRequest{Success: puts}).Header.Revision
	}
	return revision
}

// await polls a condition until it holds; the test ends when it does not within the limit.
func await(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// percentile of durations, which are sorted by it.
func percentile(durations []time.Duration, percent int) time.Duration {
	sort.Slice(durations, func(i, j int) bool { return durations[i] < durations[j] })
	return durations[min(len(durations)*percent/100, len(durations)-1)]
}

// database is the file of a kubase server.
func database(s *server.Server) string { return filepath.Join(s.Dir(), "kubase.db") }

// sqlite prepares a program that runs a script in Python with `db` connected to a database. What it
// prints tells how far it is.
func sqlite(path, script string) *exec.Cmd {
	return exec.Command("python3", "-c",
		"import sqlite3, sys, time\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n"+script,
		path)
}

// onlyKubase leaves out what the oracle cannot do.
func onlyKubase(t *testing.T, why string) {
	t.Helper()
	if server.UnderTest(t).Name != "kubase" {
		t.Skip(why)
	}
}

// onlySQLite leaves out what is done to the file of a database, or to the disk that it is on.
func onlySQLite(t *testing.T, why string) {
	t.Helper()
	onlyKubase(t, why)
	if !server.IsSQLite() {
		t.Skip(why)
	}
}

// onlyServers leaves out what is done to a database server.
func onlyServers(t *testing.T) {
	t.Helper()
	if server.UnderTest(t).Name != "kubase" || server.IsSQLite() {
		t.Skip("this is about database servers")
	}
}
