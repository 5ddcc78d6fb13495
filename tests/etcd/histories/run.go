// Package histories lets many clients and watches loose on one server, with compaction behind them,
// the server killed or paused under them, records everything, and has the record checked: nothing
// acknowledged is lost, every answer fits into one order, and no watch misses, repeats or reorders.
package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/tcpproxy"
	"kubase/tests/etcd/internal/traffic"
)

const (
	clientCount  = 10
	watcherCount = 6
	// furthestStart is how many revisions ahead a watch may start.
	furthestStart = 50
	// patience is far above what any step of a passing test takes.
	patience = 60 * time.Second
	longTTL  = 3600
	shortTTL = 3
)

// mode is what happens to the server during a history.
type mode struct {
	name string
	// compactEvery is the time between compactions, 0 for none.
	compactEvery time.Duration
	kills        bool
	pauses       bool
	// outages are those of the database server and of the network to it.
	outages bool
	// nodes tells that the nodes of a database cluster die, one at a time.
	nodes bool
	// leaders tells that two servers share a database, and that the disturbances change who leads.
	leaders bool
	// flood makes most values large and all readers of watches slow, so that these fall far behind.
	flood bool
}

// ofDatabase tells whether the database, or who leads it, is disturbed.
func (m mode) ofDatabase() bool { return m.outages || m.leaders || m.nodes }

// run is one history while it is made.
type run struct {
	t      *testing.T
	mode   mode
	seed   uint64
	server *server.Server
	// other is the second one of mode.leaders, and proxy that of mode.outages.
	other    *server.Server
	proxy    *tcpproxy.Proxy
	recorder *history.Recorder
	world    *traffic.World
	random   *rand.Rand
	// audited is the revision up to which the watch of all keys has seen everything. What nobody was
	// told of is known from there only, so compaction does not pass it.
	audited atomic.Int64
	// final is the revision that the watches have to reach before they end, and finalAudit that for
	// the watch of all keys; 0 while clients write.
	final, finalAudit atomic.Int64
	// ending tells that no more watches are to start ahead.
	ending atomic.Bool
	// disturbances are what was done to the servers, by its name in the plural.
	disturbances campaign.Counts
}

// newRun starts a server for a history.
func newRun(t *testing.T, m mode, seed uint64) *run {
	options := server.Options{}
	if server.UnderTest(t).Name == "etcd" {
		options.Flags = []string{"--log-level", "error"} // it warns of each refused request
	}
	var proxy *tcpproxy.Proxy
	if m.outages {
		proxy = tcpproxy.Start(t, server.DatabaseAddress())
		options.DatabaseAddress = proxy.Address()
	}
	r := &run{
		t: t, mode: m, seed: seed, server: server.StartWith(t, server.UnderTest(t), options),
		proxy: proxy, recorder: history.NewRecorder(), world: &traffic.World{LeaseTTL: longTTL, LargeOneIn: 40},
		random: rand.New(rand.NewPCG(seed, 1<<40)), disturbances: campaign.Counts{},
	}
	if m.leaders {
		options.Database = r.server.Dir()
		r.other = server.StartWith(t, server.UnderTest(t), options)
	}
	if r.random.IntN(3) == 0 {
		r.world.LeaseTTL = shortTTL
	}
	// No etcd knows selectors.
	r.world.Selectors = r.server.Kind().Name == "kubase"
	r.world.ForeignPods = r.random.IntN(4) == 0
	if m.flood {
		r.world.LargeOneIn, r.world.MorePuts = 2, true
	}
	r.audited.Store(1)
	return r
}

// make lets everybody run for a while and returns the history.
func (r *run) make(duration time.Duration) *history.History {
	writing, stop := context.WithTimeout(context.Background(), duration)
	defer stop()
	var writers, watchers, auditor sync.WaitGroup
	for i := range clientCount {
		c := r.serverOf(i).Client(r.t)
		writers.Go(func() { r.client(writing, c, i) })
	}
	if r.mode.compactEvery > 0 {
		c := r.server.Client(r.t)
		writers.Go(func() { r.compact(writing, c) })
	}
	audit := newWatcher(r, r.server.Client(r.t), 0, &r.finalAudit)
	auditor.Go(audit.run)
	for i := range watcherCount {
		w := newWatcher(r, r.serverOf(i).Client(r.t), 1+i, &r.final)
		watchers.Go(w.run)
	}
	r.disturb(writing)
	writers.Wait()
	r.ending.Store(true)
	r.final.Store(r.settle())
	// A watch can have been resumed just after the final revision: progress of its stream is told
	// only when the store has come that far.
	r.must(r.server.Client(r.t), &pb.PutRequest{Key: []byte("/end/last")})
	watchers.Wait()
	// What had no answer can have happened late: the watch of all keys goes as far as any other.
	final := r.revision()
	r.finalAudit.Store(final)
	auditor.Wait()
	return r.recorder.Finish(r.final.Load())
}

// serverOf is where the client or watcher of a number connects.
func (r *run) serverOf(number int) *server.Server {
	if r.other != nil && number%2 == 1 {
		return r.other
	}
	return r.server
}

// client sends one request after the other. After one of unknown outcome it waits until the server
// answers again, so that there are not too many of them.
func (r *run) client(writing context.Context, c *server.Client, number int) {
	client := traffic.NewClient(r.world, number, r.seed)
	for writing.Err() == nil && !r.t.Failed() {
		request := client.Next()
		ctx, cancel := context.WithTimeout(context.Background(), r.timeout(client.Random()))
		_, read := request.(*pb.RangeRequest)
		o := r.recorder.Do(ctx, c, number, request, read && client.Random().IntN(4) == 0)
		cancel()
		if o.Reply != nil {
			client.Learn(request, o.Reply)
		}
		if o.Unknown() {
			r.waitUntilAnswered(writing, c)
		}
		wait(writing, time.Duration(client.Random().IntN(3))*time.Millisecond)
	}
}

// timeout is how long a client waits for an answer; some are so impatient that the request is on its
// way when they give up.
func (r *run) timeout(random *rand.Rand) time.Duration {
	switch {
	case random.IntN(150) == 0:
		return time.Duration(random.IntN(3000)) * time.Microsecond
	case r.mode.pauses || r.mode.ofDatabase():
		return 300 * time.Millisecond
	default:
		return patience
	}
}

// wait is a pause that ends early with the context.
func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (r *run) waitUntilAnswered(ctx context.Context, c *server.Client) {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		_, err := c.KV.Range(attempt, &pb.RangeRequest{Key: []byte("health")})
		cancel()
		if err == nil {
			return
		}
		wait(ctx, 20*time.Millisecond)
	}
}

// compact compacts to where the watch of all keys has come, or a little less.
func (r *run) compact(writing context.Context, c *server.Client) {
	random := rand.New(rand.NewPCG(r.seed, 1<<41))
	for writing.Err() == nil {
		wait(writing, r.mode.compactEvery)
		revision := r.audited.Load() - random.Int64N(30)
		if revision < 1 {
			continue
		}
		r.world.Compacted.Store(max(r.world.Compacted.Load(), revision))
		ctx, cancel := context.WithTimeout(context.Background(), r.timeout(random))
		request := &pb.CompactionRequest{Revision: revision, Physical: random.IntN(4) == 0}
		if o := r.recorder.Do(ctx, c, clientCount, request, false); o.Unknown() {
			r.waitUntilAnswered(writing, c)
		}
		cancel()
	}
}

// settle writes enough for the watches that start ahead, reads everything, and returns the last
// revision.
func (r *run) settle() int64 {
	c := r.server.Client(r.t)
	for i := range furthestStart + 10 {
		r.must(c, &pb.PutRequest{Key: fmt.Appendf(nil, "/end/%d", i), Value: []byte("end")})
	}
	everything := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}
	return reference.Revision(r.must(c, everything).Reply)
}

func (r *run) revision() int64 {
	request := &pb.RangeRequest{Key: []byte("/")}
	return reference.Revision(r.must(r.server.Client(r.t), request).Reply)
}

// must does a request that has to succeed, since nothing disturbs the server any more; but the last
// disturbance of its database may not be over.
func (r *run) must(c *server.Client, request proto.Message) *history.Operation {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := r.recorder.Do(ctx, c, clientCount, request, false)
	for o.Unknown() && r.mode.ofDatabase() && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		o = r.recorder.Do(ctx, c, clientCount, request, false)
	}
	if o.Reply == nil {
		r.t.Fatalf("after the history: %v", o)
	}
	return o
}
