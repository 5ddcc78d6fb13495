// Package crash kills the server while clients write, at random times and at named places of its
// code, and checks afterwards that everything acknowledged is there, that what was under way
// happened whole or not at all, that the revision did not go back, and that a watch goes on from
// the last revision it saw without a gap. It also stops the server at these places, which clients
// must notice by a delay only.
package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
)

const writerCount = 8

// changer is a client that changes keys which nobody else changes.
type changer interface {
	// run works until a call fails, and returns its error, or until it has to end.
	run(ctx context.Context, c *server.Client, ending func() bool) error
	// resolve tells whether the events of a revision that nobody was told of are a change of this
	// client that was under way; then it notes the revision.
	resolve(revision int64, events []*mvccpb.Event) (bool, error)
	// inDoubt tells whether it is not known of a change if it happened; forget tells that it did not.
	inDoubt() bool
	forget()
}

// run is the state that goes through all rounds: one server with its data, and what is known of it.
type run struct {
	t        *testing.T
	server   *server.Server
	random   *rand.Rand
	log      *model.Log
	changers map[string]changer
	lessee   *lessee
	parent   *parent
	// survivor is there when the disk fails, which may refuse changes.
	survivor *survivor
	// events are all events since the empty store, by a watch that is resumed after each kill.
	events []*mvccpb.Event
	// highest is the highest revision that any client has seen in any answer.
	highest atomic.Int64
	// watched is the revision of the last event that the watch has seen.
	watched atomic.Int64
	// compacted is the revision that a compaction was last asked for.
	compacted atomic.Int64
	// passes counts what the reader of old revisions has done since the last start.
	passes atomic.Int64
	// ending tells all clients to end without an error.
	ending atomic.Bool
	totals totals
}

// totals are what a test has done, for its report.
type totals struct {
	kills, doubtful, happened int
}

func newRun(t *testing.T, s *server.Server, seed uint64) *run {
	log := model.NewLog()
	r := &run{
		t: t, server: s, random: rand.New(rand.NewPCG(seed, 1<<32)), log: log,
		lessee: newLessee(seed, log), parent: newParent(seed, log),
	}
	r.changers = map[string]changer{"lessee": r.lessee, "ballast": newBallast(seed, log)}
	if isKubase(t) {
		r.changers["parent"] = r.parent
	}
	for i := range writerCount {
		w := newWriter(i, seed, log)
		r.changers[w.name] = w
	}
	return r
}

// isKubase tells whether the server under test has failpoints, and collects garbage.
func isKubase(t testing.TB) bool { return server.UnderTest(t).Name == "kubase" }

// work lets all clients run during until, which ends the server, or else they are told to end.
func (r *run) work(until func() (ended bool)) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	r.ending.Store(false)
	r.passes.Store(0)
	past := slices.Clip(r.events)
	var group sync.WaitGroup
	start := func(who string, body func(ctx context.Context, c *server.Client) error) {
		c := r.server.Client(r.t)
		group.Go(func() { r.expectEnd(who, body(ctx, c)) })
	}
	for name, client := range r.changers {
		start(name, r.unlessRefused(func(ctx context.Context, c *server.Client) error {
			return client.run(ctx, c, r.ending.Load)
		}))
	}
	start("reader", r.read)
	start("watch", r.watch)
	start("compactor", r.unlessRefused(r.compact))
	start("maintenance", r.unlessRefused(r.maintain))
	start("reader of the past", func(ctx context.Context, c *server.Client) error {
		return r.readPast(ctx, c, past)
	})
	if !until() {
		r.ending.Store(true)
	}
	time.AfterFunc(endLimit, cancel)
	group.Wait()
}

// endLimit is how long a client may take to notice that the server is gone, or that it has to end.
const endLimit = 20 * time.Second

// expectEnd reports when a client ended by anything else than the end of the server, or before it
// was told to.
func (r *run) expectEnd(who string, err error) {
	told := r.ending.Load()
	if told && err != nil || !told && status.Code(err) != codes.Unavailable {
		r.t.Errorf("%s ended with %v", who, err)
	}
}

// unlessRefused lets a client rest to the end of the run when a failing disk has refused a change.
func (r *run) unlessRefused(body func(ctx context.Context, c *server.Client) error,
) func(ctx context.Context, c *server.Client) error {
	return func(ctx context.Context, c *server.Client) error {
		err := body(ctx, c)
		for r.survivor != nil && mayRefuse(err) {
			if r.ending.Load() {
				return nil
			}
			if err := idle(ctx, c); err != nil {
				return err
			}
		}
		return err
	}
}

// mayRefuse tells whether this is an answer to a change that the disk did not take.
func mayRefuse(err error) bool {
	s := status.Convert(err)
	switch s.Code() {
	case codes.ResourceExhausted:
		return s.Message() == expect.NoSpace.Text
	case codes.Unavailable:
		return s.Message() == expect.TimedOut.Text
	default:
		return false
	}
}

// workUntilKilled kills the server after a while.
func (r *run) workUntilKilled(after time.Duration) {
	r.work(func() bool {
		time.Sleep(after)
		r.server.Kill()
		return true
	})
	r.totals.kills++
}

// leavePast kills the server when it has so many revisions, of which a later run can read.
func (r *run) leavePast(revisions int64) {
	r.work(func() bool {
		for deadline := time.Now().Add(reachLimit); r.watched.Load() < revisions; {
			if time.Now().After(deadline) {
				r.t.Errorf("revision %d was not reached in %v", revisions, reachLimit)
				break
			}
			time.Sleep(time.Millisecond)
		}
		r.server.Kill()
		return true
	})
	r.totals.kills++
}

// workUntilDeath waits until the server kills itself, and reports when it does not.
func (r *run) workUntilDeath(failpoint string) {
	r.work(func() bool {
		if r.server.AwaitKilled(reachLimit) {
			return true
		}
		r.t.Errorf("%s was not reached in %v", failpoint, reachLimit)
		r.server.Kill()
		return true
	})
	r.totals.kills++
}

// reachLimit is how long clients work before a failpoint counts as never reached: there are some that
// a busy server passes once a second.
const reachLimit = 5 * time.Minute

// rest waits, and returns early when the context ends.
func rest(ctx context.Context, wait time.Duration) {
	if wait == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

func (t totals) String() string {
	return fmt.Sprintf("%d kills, %d of %d changes under way happened", t.kills, t.happened,
		t.doubtful)
}
