// Package maintenance tests what tools and probes ask of an etcd server: status, members, alarms,
// hashes, snapshots, health, and the calls about users when authentication is off.
package maintenance

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	header := c.Put("k", strings.Repeat("v", 1000)).Header
	status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
	expect.OK(t, err)
	expect.Equal(t, "revision", status.Header.Revision, header.Revision)
	expect.Equal(t, "cluster id", status.Header.ClusterId, header.ClusterId)
	expect.Equal(t, "member id", status.Header.MemberId, header.MemberId)
	// kube-apiserver reads the version to find out what the server can do.
	var major, minor, patch int
	_, err = fmt.Sscanf(status.Version, "%d.%d.%d", &major, &minor, &patch)
	expect.OK(t, err)
	expect.True(t, major == 3 && minor == 7, "version is %q, want 3.7.x", status.Version)
	expect.Equal(t, "storage version", status.StorageVersion, "3.7.0")
	expect.Equal(t, "leader is the member that answers", status.Leader, header.MemberId)
	expect.Equal(t, "raft term", status.RaftTerm, header.RaftTerm)
	expect.True(t, status.RaftIndex > 0 && status.RaftAppliedIndex > 0, "raft index %d, applied %d",
		status.RaftIndex, status.RaftAppliedIndex)
	expect.True(t, status.RaftAppliedIndex <= status.RaftIndex, "applied index %d above %d",
		status.RaftAppliedIndex, status.RaftIndex)
	expect.True(t, status.DbSize >= 1000, "database size is %d", status.DbSize)
	expect.True(t, status.DbSizeInUse > 0 && status.DbSizeInUse <= status.DbSize,
		"in use are %d of %d bytes", status.DbSizeInUse, status.DbSize)
	expect.True(t, status.DbSizeQuota > 0, "quota is %d", status.DbSizeQuota)
	expect.Equal(t, "learner", status.IsLearner, false)
	expect.Equal(t, "errors", len(status.Errors), 0)
	expect.Equal(t, "downgrade", status.DowngradeInfo, &pb.DowngradeInfo{})
	c.Put("k", "w")
	later, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
	expect.OK(t, err)
	expect.True(t, later.RaftIndex > status.RaftIndex, "raft index %d does not grow by a write",
		later.RaftIndex)
}

func TestMemberList(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, linearizable := range []bool{false, true} {
		list, err := c.Cluster.MemberList(server.Context(t),
			&pb.MemberListRequest{Linearizable: linearizable})
		expect.OK(t, err)
		expect.Equal(t, "members", len(list.Members), 1)
		member := list.Members[0]
		expect.Equal(t, "id", member.ID, list.Header.MemberId)
		expect.True(t, member.Name != "", "the member has no name")
		expect.True(t,
			len(member.ClientURLs) == 1 && strings.HasPrefix(member.ClientURLs[0], "http"),
			"client URLs are %v", member.ClientURLs)
		expect.Equal(t, "learner", member.IsLearner, false)
	}
}

func alarms(t *testing.T, c *server.Client, action pb.AlarmRequest_AlarmAction, kind pb.AlarmType,
) []*pb.AlarmMember {
	t.Helper()
	response, err := c.Maintenance.Alarm(server.Context(t),
		&pb.AlarmRequest{Action: action, Alarm: kind})
	expect.OK(t, err)
	expect.Equal(t, "header revision", response.Header.Revision, c.Revision())
	return response.Alarms
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	alarm := func(action pb.AlarmRequest_AlarmAction, kind pb.AlarmType) []*pb.AlarmMember {
		t.Helper()
		return alarms(t, c, action, kind)
	}
	expect.Equal(t, "alarms of a healthy server",
		len(alarm(pb.AlarmRequest_GET, pb.AlarmType_NONE)), 0)
	expect.Equal(t, "alarms to take back",
		len(alarm(pb.AlarmRequest_DEACTIVATE, pb.AlarmType_NOSPACE)), 0)

	c.Put("k", "v")
	// etcd keeps the member that the request names, here none; kubase names the only one it has.
	raised := []*pb.AlarmMember{{Alarm: pb.AlarmType_NOSPACE}}
	if s.Kind().Name == "kubase" {
		raised[0].MemberID = c.Put("k", "v").Header.MemberId
	}
	expect.Equal(t, "raised", alarm(pb.AlarmRequest_ACTIVATE, pb.AlarmType_NOSPACE), raised)
	expect.Equal(t, "list", alarm(pb.AlarmRequest_GET, pb.AlarmType_NONE), raised)
	_, err := c.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("k"), Value: []byte("w")})
	expect.Fails(t, err, expect.NoSpace)
	_, err = c.KV.Txn(server.Context(t), &pb.TxnRequest{Success: ops.List(ops.Put("k", "w"))})
	expect.Fails(t, err, expect.NoSpace)
	_, err = c.Lease.LeaseGrant(server.Context(t), &pb.LeaseGrantRequest{TTL: 100})
	expect.Fails(t, err, expect.NoSpace)
	// What frees space, and what reads, goes on.
	expect.Equal(t, "value", string(c.Get("k").Kvs[0].Value), "v")
	expect.Equal(t, "txn that only reads",
		len(c.Txn(&pb.TxnRequest{Success: ops.List(ops.Get("k"))}).Responses), 1)
	expect.Equal(t, "deleted", c.Delete("k", "").Deleted, 1)
	c.Compact(c.Revision())
	status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
	expect.OK(t, err)
	expect.True(t, len(status.Errors) == 1 && strings.Contains(status.Errors[0], "NOSPACE"),
		"errors of the status are %q", status.Errors)

	alarm(pb.AlarmRequest_DEACTIVATE, pb.AlarmType_NOSPACE)
	expect.Equal(t, "alarms afterwards", len(alarm(pb.AlarmRequest_GET, pb.AlarmType_NONE)), 0)
	c.Put("k", "again")
}

// An alarm stays until somebody takes it back, over crashes too.
func TestAlarmsSurviveACrash(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	put := func() error {
		_, err := c.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
		return err
	}
	restart := func() {
		s.Kill()
		s.Restart()
		c = s.Client(t)
	}
	c.Put("k", "v")
	raised := alarms(t, c, pb.AlarmRequest_ACTIVATE, pb.AlarmType_NOSPACE)
	expect.Equal(t, "raised", len(raised), 1)
	restart()
	expect.Equal(t, "list", alarms(t, c, pb.AlarmRequest_GET, pb.AlarmType_NONE), raised)
	expect.Fails(t, put(), expect.NoSpace)
	alarms(t, c, pb.AlarmRequest_DEACTIVATE, pb.AlarmType_NOSPACE)
	restart()
	expect.Equal(t, "list", len(alarms(t, c, pb.AlarmRequest_GET, pb.AlarmType_NONE)), 0)
	expect.OK(t, put())
}

// Above the quota writes are refused, and stay so until there is room again and the alarm has been
// taken back.
// defragment returns when the database has fewer bytes than the limit. A server cannot give back what
// any of its transactions may still see, even one of its own housekeeping: then it is asked again.
func defragment(t *testing.T, c *server.Client, limit int64) {
	t.Helper()
	var size int64
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		_, err := c.Maintenance.Defragment(server.Context(t), &pb.DefragmentRequest{})
		expect.OK(t, err)
		status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
		expect.OK(t, err)
		if size = status.DbSize; size < limit {
			return
		}
	}
	t.Errorf("%d bytes after the defragmentation, want fewer than %d", size, limit)
}

// incompressible: databases of servers compress what they can.
func incompressible(t *testing.T, size int) string {
	t.Helper()
	value := make([]byte, size)
	if _, err := rand.Read(value); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestQuota(t *testing.T) {
	t.Parallel()
	const quota = 4 << 20
	s := server.Start(t, fmt.Sprintf("--quota-backend-bytes=%d", quota))
	c := s.Client(t)
	put := func(value string) error {
		_, err := c.KV.Put(server.Context(t), &pb.PutRequest{Key: []byte("k"), Value: []byte(value)})
		return err
	}
	status := func() *pb.StatusResponse {
		t.Helper()
		status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
		expect.OK(t, err)
		return status
	}
	expect.Equal(t, "quota", status().DbSizeQuota, quota)
	value := incompressible(t, 100_000)
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = put(value)
	}
	expect.Fails(t, err, expect.NoSpace)
	raised := []*pb.AlarmMember{
		{MemberID: status().Header.MemberId, Alarm: pb.AlarmType_NOSPACE},
	}
	expect.Equal(t, "alarms", alarms(t, c, pb.AlarmRequest_GET, pb.AlarmType_NONE), raised)
	expect.Fails(t, put("small"), expect.NoSpace)
	s.Kill()
	s.Restart()
	c = s.Client(t)
	expect.Equal(t, "alarms", alarms(t, c, pb.AlarmRequest_GET, pb.AlarmType_NONE), raised)

	c.Compact(c.Revision())
	defragment(t, c, quota/2)
	expect.Fails(t, put("small"), expect.NoSpace)
	_, err = c.Maintenance.Alarm(server.Context(t), &pb.AlarmRequest{
		Action: pb.AlarmRequest_DEACTIVATE, MemberID: raised[0].MemberID, Alarm: raised[0].Alarm,
	})
	expect.OK(t, err)
	expect.OK(t, put(value))
}

func TestDefragment(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	value := incompressible(t, 100_000)
	for i := range 100 {
		c.Put(fmt.Sprintf("k%d", i), value)
	}
	c.Delete("k", "l")
	c.Put("kept", "v")
	c.Compact(c.Revision())
	before := hashKV(t, c, 0)
	status, err := c.Maintenance.Status(server.Context(t), &pb.StatusRequest{})
	expect.OK(t, err)
	defragment(t, c, status.DbSize/2)
	expect.Equal(t, "hash", hashKV(t, c, 0).Hash, before.Hash)
	expect.Equal(t, "value", string(c.Get("kept").Kvs[0].Value), "v")
	expect.Equal(t, "revision", c.Put("kept", "w").Header.Revision, 104)
}

func hashKV(t *testing.T, c *server.Client, revision int64) *pb.HashKVResponse {
	t.Helper()
	response, err := c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{Revision: revision})
	expect.OK(t, err)
	return response
}

// writeSome makes the same history on every server it is called for.
func writeSome(c *server.Client) {
	for i := range 30 {
		c.Put(fmt.Sprintf("k%d", i%7), fmt.Sprint(i))
		if i%5 == 0 {
			c.Delete(fmt.Sprintf("k%d", i%3), "")
		}
	}
	c.Compact(10)
}

func TestHashKV(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	writeSome(c)
	last := c.Revision()
	current := hashKV(t, c, 0)
	expect.Equal(t, "hash revision", current.HashRevision, last)
	expect.Equal(t, "compact revision", current.CompactRevision, 10)
	expect.Equal(t, "header revision", current.Header.Revision, last)
	expect.Equal(t, "hash of the current revision by number", hashKV(t, c, last).Hash, current.Hash)
	old := hashKV(t, c, 20)
	expect.Equal(t, "hash revision of an old one", old.HashRevision, 20)
	expect.True(t, old.Hash != current.Hash, "the hash of revision 20 is that of %d", last)

	s.Stop()
	s.Restart()
	c = s.Client(t)
	expect.Equal(t, "hash after a restart", hashKV(t, c, 0).Hash, current.Hash)
	expect.Equal(t, "old hash after a restart", hashKV(t, c, 20).Hash, old.Hash)

	c.Put("k", "more")
	expect.Equal(t, "old hash after a write", hashKV(t, c, last).Hash, current.Hash)
	expect.True(t, hashKV(t, c, 0).Hash != current.Hash, "the hash does not change by a write")

	twin := server.Start(t).Client(t)
	writeSome(twin)
	expect.Equal(t, "hash of the same history on another server", hashKV(t, twin, 0).Hash,
		current.Hash)

	_, err := c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{Revision: 9})
	expect.Fails(t, err, expect.Compacted)
	_, err = c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{Revision: last + 2})
	expect.Fails(t, err, expect.FutureRevision)
}

func TestHash(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	get := func() *pb.HashResponse {
		t.Helper()
		response, err := c.Maintenance.Hash(server.Context(t), &pb.HashRequest{})
		expect.OK(t, err)
		return response
	}
	c.Put("k", "v")
	first := get()
	expect.Equal(t, "header revision", first.Header.Revision, 2)
	c.Put("k", "w")
	expect.True(t, get().Hash != first.Hash, "the hash does not change by a write")
}

// A snapshot is a stream of blobs whose last one is the SHA-256 of all others.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for i := range 20 {
		c.Put(fmt.Sprintf("k%d", i), strings.Repeat(fmt.Sprint(i), 20_000))
	}
	stream, err := c.Maintenance.Snapshot(server.Context(t), &pb.SnapshotRequest{})
	expect.OK(t, err)
	first, err := stream.Recv()
	expect.OK(t, err)
	readSnapshot(t, stream, first)
}

// Who reads slowly gets all of it, though everything is changed and compacted meanwhile: the server can
// have sent little of so much.
func TestSnapshotThatCompactionPasses(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	const pairs, valueBytes = 40, 500_000
	for i := range pairs {
		c.Put(fmt.Sprintf("k%02d", i), strings.Repeat("v", valueBytes))
	}
	stream, err := c.Maintenance.Snapshot(server.Context(t), &pb.SnapshotRequest{})
	expect.OK(t, err)
	first, err := stream.Recv()
	expect.OK(t, err)
	for i := range pairs {
		c.Put(fmt.Sprintf("k%02d", i), "changed")
	}
	_, err = c.KV.Compact(server.Context(t), &pb.CompactionRequest{Revision: c.Revision(), Physical: true})
	expect.OK(t, err)
	size := readSnapshot(t, stream, first)
	expect.True(t, size > pairs*valueBytes, "the snapshot has %d bytes", size)
}

// readSnapshot reads what follows the first response, checks its end, and returns the size of all.
func readSnapshot(t *testing.T, stream pb.Maintenance_SnapshotClient, first *pb.SnapshotResponse) int {
	t.Helper()
	sum, size, last := sha256.New(), 0, first.Blob
	remaining := first.RemainingBytes
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		expect.OK(t, err)
		expect.True(t, response.RemainingBytes < remaining || response.RemainingBytes == 0,
			"remaining bytes go from %d to %d", remaining, response.RemainingBytes)
		expect.True(t, len(response.Blob) <= 4<<20, "a blob has %d bytes", len(response.Blob))
		remaining = response.RemainingBytes
		writeAll(sum, last)
		size, last = size+len(last), response.Blob
	}
	expect.Equal(t, "remaining bytes at the end", remaining, 0)
	expect.True(t, size > 0, "the snapshot is empty")
	expect.Equal(t, "last blob", hex.EncodeToString(last), hex.EncodeToString(sum.Sum(nil)))
	return size
}

func writeAll(sum hash.Hash, blob []byte) {
	if _, err := sum.Write(blob); err != nil {
		panic(err) // a hash never fails
	}
}
