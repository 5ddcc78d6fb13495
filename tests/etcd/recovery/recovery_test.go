// Package recovery takes the database server away from kubase for a while (tests/databases), in each
// way in which servers and networks fail, and measures how soon it goes on by itself.
package recovery

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"kubase/tests/etcd/internal/database"
	"kubase/tests/etcd/internal/outage"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
)

const (
	// limit is how long it may take from the server's return to an answer.
	limit = 3 * time.Second
	// writeTimeout is short, so that the writer is at every stage of its attempts during an outage.
	writeTimeout = 300 * time.Millisecond
)

// lengths of outages: the pauses between attempts grow with them.
var lengths = []time.Duration{
	300 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 5200 * time.Millisecond,
}

// The server crashes, and starts again.
func TestCrashOfTheServer(t *testing.T) {
	for _, length := range lengths {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			check(t, server.Options{}, length, func() { database.Crash(t) },
				func() { database.Start(t) })
		})
	}
}

// Connections are cut, and new ones refused.
func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	for _, length := range lengths {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			proxy := tcpproxy.Start(t, server.DatabaseAddress())
			check(t, server.Options{DatabaseAddress: proxy.Address()}, length, proxy.Refuse,
				proxy.Accept)
		})
	}
}

// The network carries nothing, and then all of it.
func TestStalledNetwork(t *testing.T) {
	t.Parallel()
	for _, length := range lengths {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			proxy := tcpproxy.Start(t, server.DatabaseAddress())
			check(t, server.Options{DatabaseAddress: proxy.Address()}, length, proxy.Stall,
				proxy.Resume)
		})
	}
}

// The network fails when a commit has come to the server, and before its answer comes: whether it was
// done has to be found out first, with pauses between the attempts.
func TestCommitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, length := range append(lengths, 7300*time.Millisecond) {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			proxy := tcpproxy.Start(t, server.DatabaseAddress())
			check(t, server.Options{DatabaseAddress: proxy.Address()}, length,
				func() { proxy.RefuseAfter([]byte("COMMIT")) }, proxy.Accept)
		})
	}
}

// check writes while the server is away, and then asks for a write and a read at once. What was
// acknowledged is there, nothing is there twice, and the watch that was open shows all of it.
func check(t *testing.T, options server.Options, length time.Duration, goAway, comeBack func()) {
	s := server.StartWith(t, server.Kubase(t), options)
	c, reader := s.Client(t), s.Client(t)
	stream := outage.OpenWatch(t, c, 1)
	w := outage.NewWriter(t, c, 1000)
	w.Write(20)
	goAway()
	w.WriteFor(length, writeTimeout)
	if w.Refused() == 0 {
		t.Errorf("no write failed while the server was away")
	}
	comeBack()
	var reading sync.WaitGroup
	reading.Go(func() {
		t.Logf("reads again after %v", outage.ReadWhenPossible(t, reader, limit))
	})
	w.WriteWhenPossible(limit)
	reading.Wait()
	w.Write(20)
	w.Check(stream)
}
