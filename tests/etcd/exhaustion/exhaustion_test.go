// Package exhaustion takes from the database server what it needs: room on its disk
// (tests/databases, --disk), and room for connections. Nothing that was acknowledged may be lost,
// nothing done twice, no watch may end, and all goes on by itself when there is room again.
package exhaustion

import (
	"testing"
	"time"

	"kubase/tests/etcd/internal/database"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/server"
)

const (
	// recovery is how long kubase may take when there is room again.
	recovery = 3 * time.Second
	// failure is how long it may take until a write fails.
	failure = 60 * time.Second
)

func TestFullDisk(t *testing.T) {
	s := server.Start(t)
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := outage.NewWriter(t, c, 100_000)
	w.Write(50)
	database.Do(t, "fill")
	refusal := w.WriteUntilRefused(failure)
	t.Logf("after %d writes: %v", w.Acknowledged(), refusal)
	database.Do(t, "drain")
	w.WriteWhenPossible(recovery)
	w.Write(50)
	w.Check(stream)
}

func TestTooManyConnections(t *testing.T) {
	s := server.StartWith(t, server.Kubase(t),
		server.Options{DatabaseParameters: "pool_max_conn_lifetime=1s"})
	c := s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := outage.NewWriter(t, c, 1000)
	w.Write(50)
	database.Do(t, "refuse")
	refusal := w.WriteUntilRefused(failure)
	t.Logf("after %d writes: %v", w.Acknowledged(), refusal)
	database.Do(t, "admit")
	w.WriteWhenPossible(recovery)
	w.Write(50)
	w.Check(stream)
}
