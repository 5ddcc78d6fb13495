// Package pair has two servers of kubase on one database: one leads, the other stands by.
package pair

import (
	"testing"
	"time"

	"kubase/tests/etcd/internal/server"
)

const pollInterval = 10 * time.Millisecond

// Pair is the two of them, by the role that they have, or are to get back.
type Pair struct {
	t               testing.TB
	Leader, Standby *server.Server
}

// Start starts the leader with these options, and then the other one on its database.
func Start(t testing.TB, options server.Options) *Pair {
	t.Helper()
	options.MetricsPort = server.FreePort(t)
	p := &Pair{t: t, Leader: server.StartWith(t, server.Kubase(t), options)}
	options.Env, options.Database = nil, p.Leader.Dir()
	options.MetricsPort = server.FreePort(t)
	p.Standby = server.StartWith(t, server.Kubase(t), options)
	p.ExpectRoles()
	return p
}

// ExpectRoles checks that the two know who leads.
func (p *Pair) ExpectRoles() {
	p.t.Helper()
	if !p.Leads(p.Leader) || p.Leads(p.Standby) {
		p.t.Fatalf("who leads: %v, who stands by: %v, want true and false", p.Leads(p.Leader),
			p.Leads(p.Standby))
	}
}

// Leads asks a server whether it leads.
func (p *Pair) Leads(s *server.Server) bool {
	p.t.Helper()
	return s.Metric(p.t, "etcd_server_is_leader") == 1
}

// Changes is how often a server has seen another one lead.
func (p *Pair) Changes(s *server.Server) float64 {
	p.t.Helper()
	return s.Metric(p.t, "etcd_server_leader_changes_seen_total")
}

// AwaitChanges waits until a server has seen another one lead so often.
func (p *Pair) AwaitChanges(s *server.Server, count float64, limit time.Duration) {
	p.t.Helper()
	p.await(limit, func() bool { return p.Changes(s) == count })
	if got := p.Changes(s); got != count {
		p.t.Fatalf("the server has seen another one lead %v times, want %v", got, count)
	}
}

// Swap tells that the roles have changed, and waits until both servers know it.
func (p *Pair) Swap(limit time.Duration) {
	p.t.Helper()
	p.Leader, p.Standby = p.Standby, p.Leader
	p.await(limit, func() bool { return p.Leads(p.Leader) && !p.Leads(p.Standby) })
	p.ExpectRoles()
}

func (p *Pair) await(limit time.Duration, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(limit); !holds() && time.Now().Before(deadline); {
		time.Sleep(pollInterval)
	}
}
