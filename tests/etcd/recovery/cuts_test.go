package recovery

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path"
	"testing"
	"time"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
)

// parcels is how many of them a write of several large values takes at most, with what is sent by
// others meanwhile.
const parcels = 16

// The connection is cut at each parcel on the way to the server, and behind it: between the statements
// of a batch, in the middle of one, and around its commit.
func TestCutAtEveryParcel(t *testing.T) {
	t.Parallel()
	for _, passes := range []bool{false, true} {
		for _, size := range []int{100, 200_000} {
			t.Run(fmt.Sprintf("%d bytes, passes %v", size, passes), func(t *testing.T) {
				t.Parallel()
				proxy := tcpproxy.Start(t, server.DatabaseAddress())
				s := server.StartWith(t, server.Kubase(t),
					server.Options{DatabaseAddress: proxy.Address()})
				c := s.Client(t)
				stream := outage.OpenWatch(t, c, 1)
				w := outage.NewWriter(t, c, size)
				for n := 1; n <= parcels; n++ {
					sprung := proxy.CutAtParcel(n, passes)
					for cut := false; !cut; {
						w.Try(limit)
						select {
						case <-sprung:
							cut = true
						default:
						}
					}
					w.WriteWhenPossible(limit)
				}
				w.Check(stream)
				t.Logf("%d cuts, %d of %d writes without an answer", parcels, w.Refused(),
					w.Refused()+w.Acknowledged())
			})
		}
	}
}

// Somebody holds the lock of the row that guards every write for longer than the server lets a
// statement wait. No write is acknowledged meanwhile, and all goes on when the lock is given back.
func TestLockWaitTimesOut(t *testing.T) {
	t.Parallel()
	// Longer than kubase lets MariaDB wait.
	options, hold, timedOut := server.Options{}, 22*time.Second, "error 1205"
	if server.IsPostgres() {
		timedOut = "SQLSTATE 55P03"
		options.DatabaseParameters = "options=" + url.QueryEscape("-clock_timeout=500ms")
		hold = 2 * time.Second
	}
	s := server.StartWith(t, server.Kubase(t), options)
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := outage.NewWriter(t, c, 100)
	w.Write(20)
	release := lockMeta(t, s)
	acknowledged := w.Acknowledged()
	w.WriteFor(hold, hold)
	expect.Equal(t, "writes acknowledged under the lock", w.Acknowledged(), acknowledged)
	expect.True(t, s.HasLogged(timedOut), "no statement has waited in vain for the lock")
	release()
	w.WriteWhenPossible(limit)
	w.Write(20)
	w.Check(stream)
}

// lockMeta locks the row of `meta` past kubase, until what it returns is called.
func lockMeta(t *testing.T, s *server.Server) (release func()) {
	t.Helper()
	endpoint := server.Endpoint(s.Dir())
	client := exec.Command("psql", "--no-psqlrc", "--quiet", "--tuples-only", endpoint)
	if !server.IsPostgres() {
		host, port, err := net.SplitHostPort(server.DatabaseAddress())
		expect.OK(t, err)
		client = exec.Command("mariadb", "--no-defaults", "--unbuffered", "--skip-column-names",
			"--host="+host, "--port="+port, "--user=kubase", path.Base(endpoint))
	}
	input, err := client.StdinPipe()
	expect.OK(t, err)
	output, err := client.StdoutPipe()
	expect.OK(t, err)
	expect.OK(t, client.Start())
	_, err = fmt.Fprintln(input, "BEGIN; SELECT 'locked' FROM meta WHERE id = 1 FOR UPDATE;")
	expect.OK(t, err)
	line, err := bufio.NewReader(output).ReadString('\n')
	expect.OK(t, err)
	t.Logf("meta is %s", line)
	return func() {
		expect.OK(t, input.Close())
		expect.OK(t, client.Wait())
	}
}
