// Package takeover loses the leader of two servers on one database (tests/databases): it dies, or is
// frozen and goes on later. The other one takes over in time, and who was frozen does no harm.
package takeover

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/pair"
	"kubase/tests/etcd/internal/server"
)

const (
	// takeover is how long writes may fail when the leader is gone.
	takeover = 10 * time.Second
	// adoption is how long a server may take to stand by after it has found another one leading.
	adoption = 5 * time.Second
	rounds   = 2
)

// A leader that is frozen is replaced. When it goes on it finds, on connections from before, reads
// and writes that were sent after writes of the new leader: it must answer none of them as if it
// still led (etcd#20418).
func TestEtcd20418FrozenLeaderIsReplaced(t *testing.T) {
	p := pair.Start(t, server.Options{})
	watch := outage.WatchEverything(t, p.Standby)
	revision := p.Standby.Client(t).Put("/k/k", "first").Header.Revision
	for round := range rounds {
		changes := p.Changes(p.Leader)
		late := newLateClients(t, p.Leader)
		p.Leader.Freeze()
		put := outage.PutWhenPossible(t, p.Standby.Client(t), "/k/k", takeover)
		late.send(put.Header.Revision)
		expect.Equal(t, "the new leader leads", p.Leads(p.Standby), true)
		expect.Equal(t, "the first revision of the new leader", put.Header.Revision, revision+1)
		expect.Equal(t, "what the new leader reads",
			p.Standby.Client(t).Get("/k/k").Header.Revision, put.Header.Revision)
		p.Leader.Thaw()
		late.check()
		p.Swap(adoption)
		p.AwaitChanges(p.Standby, changes+1, adoption)
		c := p.Standby.Client(t)
		revision = c.Put("/k/k", fmt.Sprint("round ", round)).Header.Revision
		expect.Equal(t, "value", string(c.Get("/k/k").Kvs[0].Value), fmt.Sprint("round ", round))
	}
	watch.ExpectUntil(revision)
}

// A leader that dies is replaced, and stands by when it is started again.
func TestKilledLeaderIsReplaced(t *testing.T) {
	p := pair.Start(t, server.Options{})
	watch := outage.WatchEverything(t, p.Standby)
	revision := p.Standby.Client(t).Put("/k/k", "first").Header.Revision
	for range rounds {
		c := p.Standby.Client(t)
		p.Leader.Kill()
		put := outage.PutWhenPossible(t, c, "/k/k", takeover)
		expect.Equal(t, "the new leader leads", p.Leads(p.Standby), true)
		expect.Equal(t, "the first revision of the new leader", put.Header.Revision, revision+1)
		p.Leader.Restart()
		p.Swap(adoption)
		revision = p.Standby.Client(t).Put("/k/k", "after").Header.Revision
	}
	watch.ExpectUntil(revision)
}

// Who could not forward to a leader that lives does not start, and says what to do.
func TestLeaderThatCannotBeReached(t *testing.T) {
	socket := "unix:///nowhere/etcd.sock"
	for name, c := range map[string]struct{ leader, other, says string }{
		"socket of another machine": {
			leader: socket, other: "192.0.2.1:2379",
			says: "is reached at " + socket + " alone, which is not on this machine",
		},
		"own address": {
			leader: "192.0.2.1:2379", other: "192.0.2.1:2379",
			says: "give each of them an --advertise-address of its own",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := server.Kubase(t)
			leader := server.StartKind(t, kind, "--advertise-address", c.leader)
			other := server.Prepare(t, kind, server.Options{
				Database: leader.Dir(), Flags: []string{"--advertise-address", c.other},
			})
			said := other.FailToStart()
			expect.True(t, strings.Contains(said, c.says), "%q does not say %q", said, c.says)
		})
	}
}
