// Package etcdctl runs etcd's command line client 3.7 against the server under test: the tool that
// people have at hand has to work, command by command. ETCDCTL_BIN is its path; tests/etcdctl
// builds it.
package etcdctl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// ctl is etcdctl with the endpoint of one server.
type ctl struct {
	t      *testing.T
	binary string
	s      *server.Server
}

func start(t *testing.T) *ctl {
	t.Helper()
	binary := os.Getenv("ETCDCTL_BIN")
	if binary == "" {
		t.Fatal(
			"ETCDCTL_BIN is not set: this test needs the path of etcdctl 3.7 (tests/etcdctl builds it)",
		)
	}
	absolute, err := filepath.Abs(binary)
	expect.OK(t, err)
	return &ctl{t: t, binary: absolute, s: server.Start(t)}
}

func (c *ctl) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(
		ctx,
		c.binary,
		append([]string{"--endpoints", c.s.Address()}, args...)...)
	command.Env = []string{"HOME=" + c.t.TempDir()}
	return command
}

// run returns what a command prints and ends the test when it fails.
func (c *ctl) run(args ...string) string {
	c.t.Helper()
	return c.runWith("", args...)
}

func (c *ctl) runWith(input string, args ...string) string {
	c.t.Helper()
	command := c.command(server.Context(c.t), args...)
	command.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		c.t.Fatalf("etcdctl %s: %v\n%s%s", strings.Join(args, " "), err, output, stderr.String())
	}
	return string(output)
}

// fails returns what a command that has to fail prints on its error output.
func (c *ctl) fails(args ...string) string {
	c.t.Helper()
	output, err := c.command(server.Context(c.t), args...).CombinedOutput()
	if err == nil {
		c.t.Errorf("etcdctl %s does not fail:\n%s", strings.Join(args, " "), output)
	}
	return string(output)
}

func (c *ctl) json(value any, args ...string) {
	c.t.Helper()
	output := c.run(append(args, "--write-out=json")...)
	if err := json.Unmarshal([]byte(output), value); err != nil {
		c.t.Fatalf("etcdctl %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

func TestPutGetDelete(t *testing.T) {
	t.Parallel()
	c := start(t)
	expect.Equal(t, "put", c.run("put", "k1", "v1"), "OK\n")
	expect.Equal(t, "put with the previous value", c.run("put", "k1", "v2", "--prev-kv"),
		"OK\nk1\nv1\n")
	c.run("put", "k2", "w")
	c.run("put", "other", "x")
	expect.Equal(t, "get", c.run("get", "k1"), "k1\nv2\n")
	expect.Equal(t, "get of a missing key", c.run("get", "none"), "")
	expect.Equal(t, "get by prefix", c.run("get", "--prefix", "k"), "k1\nv2\nk2\nw\n")
	expect.Equal(t, "get by stream", c.run("get", "--prefix", "k", "--stream"), "k1\nv2\nk2\nw\n")
	expect.Equal(t, "get of a range", c.run("get", "k1", "k2"), "k1\nv2\n")
	expect.Equal(t, "get from a key on", c.run("get", "--from-key", "k2", "--print-value-only"),
		"w\nx\n")
	expect.Equal(t, "keys only", c.run("get", "--prefix", "k", "--keys-only"), "k1\n\nk2\n\n")
	expect.Equal(t, "limit and order",
		c.run("get", "", "--prefix", "--limit=1", "--sort-by=MODIFY", "--order=DESCEND"),
		"other\nx\n")
	expect.Equal(t, "old revision", c.run("get", "k1", "--rev=2"), "k1\nv1\n")
	expect.True(
		t,
		strings.Contains(c.run("get", "--prefix", "k", "--count-only", "--write-out=fields"),
			`"Count" : 2`),
		"count only",
	)
	expect.Equal(t, "delete", c.run("del", "k1"), "1\n")
	expect.Equal(t, "delete by prefix with values", c.run("del", "--prefix", "k", "--prev-kv"),
		"1\nk2\nw\n")
	expect.Equal(t, "delete of nothing", c.run("del", "none"), "0\n")
	expect.True(
		t,
		strings.Contains(c.fails("get", "k1", "--rev=100"),
			"required revision is a future revision"),
		"future revision",
	)
}

func TestTxn(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.run("put", "k", "1")
	script := "value(\"k\") = \"1\"\nmod(\"none\") = \"0\"\n\nput k 2\nget k\n\nget none\n\n"
	expect.Equal(t, "a transaction that succeeds", c.runWith(script, "txn"),
		"SUCCESS\n\nOK\n\nk\n2\n")
	expect.Equal(t, "the same one again", c.runWith(script, "txn"), "FAILURE\n\n")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.run("put", "k", "1")
	ctx, cancel := context.WithCancel(server.Context(t))
	defer cancel()
	watch := c.command(ctx, "watch", "--prefix", "k", "--rev=2", "--prev-kv")
	output, err := watch.StdoutPipe()
	expect.OK(t, err)
	expect.OK(t, watch.Start())
	c.run("put", "k", "2")
	c.run("del", "k")
	lines := bufio.NewScanner(output)
	want := []string{"PUT", "k", "1", "PUT", "k", "1", "k", "2", "DELETE", "k", "2", "k", ""}
	for _, want := range want {
		if !lines.Scan() {
			t.Fatalf("the watch ended: %v", lines.Err())
		}
		expect.Equal(t, "line of the watch", lines.Text(), want)
	}
	cancel()
	_ = watch.Wait() // it was killed by us
}

func TestLease(t *testing.T) {
	t.Parallel()
	c := start(t)
	granted := regexp.MustCompile(`^lease ([0-9a-f]+) granted with TTL\(100s\)\n$`).
		FindStringSubmatch(c.run("lease", "grant", "100"))
	if granted == nil {
		t.Fatal("lease grant prints something else")
	}
	id := granted[1]
	c.run("put", "k", "v", "--lease="+id)
	expect.True(t, strings.Contains(c.run("lease", "list"), id), "lease list does not show %s", id)
	alive := c.run("lease", "timetolive", id, "--keys")
	expect.True(
		t,
		regexp.MustCompile(`granted with TTL\(100s\), remaining\((9\d|100)s\), attached keys\(\[k\]\)`).
			MatchString(alive),
		"timetolive prints %q",
		alive,
	)
	expect.Equal(t, "keep-alive", c.run("lease", "keep-alive", "--once", id),
		fmt.Sprintf("lease %s keepalived with TTL(100)\n", id))
	expect.Equal(t, "revoke", c.run("lease", "revoke", id), fmt.Sprintf("lease %s revoked\n", id))
	expect.Equal(t, "key of the revoked lease", c.run("get", "k"), "")
	expect.True(t, strings.Contains(c.run("lease", "timetolive", id), "already expired"),
		"timetolive of a revoked lease")
	expect.True(t, strings.Contains(c.fails("lease", "revoke", id), "requested lease not found"),
		"revoke again")
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.run("put", "k", "v")
	health := c.run("endpoint", "health")
	expect.True(t,
		strings.Contains(health, c.s.Address()+" is healthy: successfully committed proposal"),
		"health prints %q", health)
	var status []struct {
		Endpoint string
		Status   struct {
			Header struct {
				MemberID uint64 `json:"member_id"`
				Revision int64
			}
			Version string
			Leader  uint64
			DBSize  int64 `json:"dbSize"`
		}
	}
	c.json(&status, "endpoint", "status")
	expect.Equal(t, "endpoints", len(status), 1)
	expect.Equal(t, "revision", status[0].Status.Header.Revision, 2)
	expect.Equal(t, "leader", status[0].Status.Leader, status[0].Status.Header.MemberID)
	expect.True(t, strings.HasPrefix(status[0].Status.Version, "3.7."), "version is %q",
		status[0].Status.Version)
	expect.True(t,
		strings.Contains(c.run("endpoint", "status", "--write-out=table"), c.s.Address()),
		"status as a table")
	var hashes []struct {
		HashKV struct {
			Hash         uint32
			HashRevision int64 `json:"hash_revision"`
		}
	}
	c.json(&hashes, "endpoint", "hashkv")
	expect.Equal(t, "hash revision", hashes[0].HashKV.HashRevision, 2)
	expect.True(t, hashes[0].HashKV.Hash != 0, "the hash is 0")
	expect.True(t, strings.Contains(c.run("endpoint", "health", "--cluster"), "is healthy"),
		"health of the cluster's own endpoints")
}

func TestMembersAlarmsAndMaintenance(t *testing.T) {
	t.Parallel()
	c := start(t)
	var members struct {
		Header struct {
			MemberID uint64 `json:"member_id"`
		}
		Members []struct {
			ID         uint64
			Name       string   `json:"name"`
			ClientURLs []string `json:"clientURLs"`
		}
	}
	c.json(&members, "member", "list")
	expect.Equal(t, "members", len(members.Members), 1)
	expect.Equal(t, "id", members.Members[0].ID, members.Header.MemberID)
	expect.True(t, strings.Contains(c.run("member", "list"), "started"),
		"the member is not started")

	expect.Equal(t, "alarms", c.run("alarm", "list"), "")
	for i := range 5 {
		c.run("put", "k", fmt.Sprint(i))
	}
	expect.Equal(t, "compaction", c.run("compaction", "4"), "compacted revision 4\n")
	expect.True(t,
		strings.Contains(c.fails("compaction", "4"), "required revision has been compacted"),
		"compaction again")
	expect.True(t,
		strings.Contains(c.fails("compaction", "400"), "required revision is a future revision"),
		"compaction of the future")
	expect.Equal(t, "physical compaction", c.run("compaction", "5", "--physical"),
		"compacted revision 5\n")
	expect.True(t, strings.HasPrefix(c.run("defrag"), "Finished defragmenting etcd member["),
		"defrag")
	expect.Equal(t, "value afterwards", c.run("get", "k"), "k\n4\n")
	expect.True(t, strings.Contains(c.run("auth", "status"), "Authentication Status: false"),
		"auth status")
	expect.Equal(t, "users", c.run("user", "list"), "")
	expect.Equal(t, "roles", c.run("role", "list"), "")
}

func TestSnapshotSave(t *testing.T) {
	t.Parallel()
	c := start(t)
	value := strings.Repeat("v", 100_000)
	for i := range 5 {
		c.run("put", fmt.Sprintf("k%d", i), value)
	}
	path := filepath.Join(t.TempDir(), "snapshot")
	printed := c.run("snapshot", "save", path)
	expect.True(t, strings.Contains(printed, "Snapshot saved at "+path), "snapshot save prints %q",
		printed)
	info, err := os.Stat(path)
	expect.OK(t, err)
	expect.True(t, info.Size() > 500_000, "the file has %d bytes", info.Size())
	expect.Equal(t, "size beyond whole blocks: the checksum", info.Size()%512, 32)
}

func TestLockAndElect(t *testing.T) {
	t.Parallel()
	c := start(t)
	expect.Equal(t, "a command under a lock", c.run("lock", "name", "--", "/bin/echo", "inside"),
		"inside\n")
	ctx, cancel := context.WithCancel(server.Context(t))
	defer cancel()
	elect := c.command(ctx, "elect", "election", "me")
	output, err := elect.StdoutPipe()
	expect.OK(t, err)
	expect.OK(t, elect.Start())
	lines := bufio.NewScanner(output)
	expect.True(t, lines.Scan() && strings.HasPrefix(lines.Text(), "election/"), "elect prints %q",
		lines.Text())
	expect.True(t, lines.Scan() && lines.Text() == "me", "elect prints %q", lines.Text())
	cancel()
	_ = elect.Wait() // it was killed by us
}

func TestBinaryKeysAsJSON(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.run("put", "a\tb", "\x01é")
	var response struct {
		Kvs []struct{ Key, Value string }
	}
	c.json(&response, "get", "a", "--prefix")
	expect.Equal(t, "keys", len(response.Kvs), 1)
	expect.Equal(t, "key", response.Kvs[0].Key, base64.StdEncoding.EncodeToString([]byte("a\tb")))
	expect.Equal(t, "value", response.Kvs[0].Value,
		base64.StdEncoding.EncodeToString([]byte("\x01é")))
}
