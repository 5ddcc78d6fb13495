package etcdctl

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// hash compacts everything but the present and returns the hash over it.
func hash(t *testing.T, s *server.Server, compact bool) *pb.HashKVResponse {
	t.Helper()
	c := s.Client(t)
	if compact {
		c.Compact(c.Revision())
	}
	response, err := c.Maintenance.HashKV(server.Context(t), &pb.HashKVRequest{})
	expect.OK(t, err)
	response.Header = nil
	return response
}

// removeDatabase leaves nothing of the database of a stopped server.
func removeDatabase(t *testing.T, s *server.Server) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "kubase.db*"))
	expect.OK(t, err)
	expect.True(t, len(files) > 0, "no database in %s", s.Dir())
	for _, file := range files {
		expect.OK(t, os.Remove(file))
	}
}

// restore runs `kubase restore` and returns what it prints.
func restore(s *server.Server, arguments ...string) (string, error) {
	arguments = append([]string{"restore", "--endpoint",
		"sqlite://" + filepath.Join(s.Dir(), "kubase.db")}, arguments...)
	output, err := exec.Command(s.Kind().Binary, arguments...).CombinedOutput()
	return string(output), err
}

// skipOnServers: the tests of the store restore there.
func skipOnServers(t *testing.T) {
	t.Helper()
	if !server.IsSQLite() {
		t.Skip("a database of a server cannot be removed like a file")
	}
}

func TestSnapshotRestore(t *testing.T) {
	t.Parallel()
	skipOnServers(t)
	c := start(t)
	if c.s.Kind().Name != "kubase" {
		t.Skip("etcd restores with etcdutl")
	}
	for i := range 60 {
		c.run("put", fmt.Sprintf("k%d", i%40), strings.Repeat("v", 1000+i))
	}
	c.run("del", "k7")
	before := hash(t, c.s, true)
	path := filepath.Join(t.TempDir(), "snapshot")
	c.run("snapshot", "save", path)

	printed, err := restore(c.s, path)
	expect.True(t, err != nil && strings.Contains(printed, "another kubase"),
		"restore into a running server: %v, %q", err, printed)
	c.s.Stop()
	printed, err = restore(c.s, path)
	expect.True(t, err != nil && strings.Contains(printed, "not empty"),
		"restore over data: %v, %q", err, printed)

	removeDatabase(t, c.s)
	printed, err = restore(c.s, path)
	expect.True(t, err == nil && strings.Contains(printed, "Restored 39 keys"),
		"restore: %v, %q", err, printed)
	c.s.Restart()
	expect.Equal(t, "hash after the restore", hash(t, c.s, false), before)
	expect.Equal(t, "a value", c.run("get", "k19", "--print-value-only"),
		strings.Repeat("v", 1059)+"\n")
}

func TestRestoreOfADamagedSnapshot(t *testing.T) {
	t.Parallel()
	skipOnServers(t)
	c := start(t)
	if c.s.Kind().Name != "kubase" {
		t.Skip("etcd restores with etcdutl")
	}
	c.run("put", "k", "v")
	path := filepath.Join(t.TempDir(), "snapshot")
	c.run("snapshot", "save", path)
	c.s.Stop()
	removeDatabase(t, c.s)
	content, err := os.ReadFile(path)
	expect.OK(t, err)
	content[40] ^= 1
	expect.OK(t, os.WriteFile(path, content, 0o600))
	printed, err := restore(c.s, path)
	expect.True(t, err != nil && strings.Contains(printed, "does not fit its checksum"),
		"restore of a changed file: %v, %q", err, printed)
	expect.OK(t, os.WriteFile(path, content[:len(content)-1], 0o600))
	printed, err = restore(c.s, path)
	expect.True(t, err != nil && strings.Contains(printed, "has no checksum"),
		"restore of a cut file: %v, %q", err, printed)
	printed, err = restore(c.s, path+"-none")
	expect.True(t, err != nil && strings.Contains(printed, "cannot read the snapshot"),
		"restore of no file: %v, %q", err, printed)
}
