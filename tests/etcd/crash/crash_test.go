package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

var (
	rounds = flag.Int("rounds", 5, "how many times the server is killed")
	seed   = flag.Uint64("seed", 0,
		"seed of the writers and of the times of the kills; 0 takes the clock")
)

const writerCount = 8

// run is the state that goes through all rounds: one server with its data, and what is known of it.
type run struct {
	t       *testing.T
	server  *server.Server
	random  *rand.Rand
	log     *model.Log
	writers []*writer
	// events are all events since the empty store, by a watch that is resumed after each kill.
	events []*mvccpb.Event
	// highest is the highest revision that any client has seen in any answer.
	highest atomic.Int64
	// watched is the revision of the last event that the watch has seen.
	watched atomic.Int64
}

func TestKillsWhileWriting(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with -seed=%d -rounds=%d (the moments of the kills differ)", *seed, *rounds)
	r := &run{
		t:      t,
		server: server.Start(t),
		random: rand.New(rand.NewPCG(*seed, 1<<32)),
		log:    model.NewLog(),
	}
	for i := range writerCount {
		r.writers = append(r.writers, newWriter(i, *seed, r.log))
	}
	for round := range *rounds {
		r.writeUntilKilled(time.Duration(100+r.random.IntN(1100)) * time.Millisecond)
		if r.random.IntN(3) == 0 {
			r.server.StartAndKill(time.Duration(r.random.IntN(150)) * time.Millisecond)
		}
		r.server.Restart()
		doubtful, happened := r.verify()
		if t.Failed() {
			t.Fatalf("round %d failed", round)
		}
		t.Logf("round %d: revision %d, %d of %d changes under way happened", round, r.log.Last(),
			happened, doubtful)
	}
}

// writeUntilKilled lets all writers, a reader and a watch run, and kills the server after a while.
func (r *run) writeUntilKilled(after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for _, w := range r.writers {
		c := r.server.Client(r.t)
		group.Go(func() { r.expectKilled("writer "+w.name, w.run(ctx, c.KV)) })
	}
	reader, watcher := r.server.Client(r.t), r.server.Client(r.t)
	group.Go(func() { r.expectKilled("reader", r.read(ctx, reader)) })
	group.Go(func() { r.expectKilled("watch", r.watch(ctx, watcher)) })
	time.Sleep(after)
	r.server.Kill()
	group.Wait()
}

// expectKilled reports when a client ended by anything else than the end of the server.
func (r *run) expectKilled(who string, err error) {
	if status.Code(err) != codes.Unavailable {
		r.t.Errorf("%s ended with %v", who, err)
	}
}

// read asks for the current revision again and again; it never goes back. It also compacts what the
// watch has seen, so that kills hit compactions too.
func (r *run) read(ctx context.Context, c *server.Client) error {
	for last, compacted := int64(0), int64(0); ; {
		response, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("/")})
		if err != nil {
			return err
		}
		revision := response.Header.Revision
		if revision < last {
			return fmt.Errorf("the revision went back from %d to %d", last, revision)
		}
		last = revision
		r.highest.Store(max(r.highest.Load(), revision))
		if target := r.watched.Load() - 10; target > compacted+100 {
			_, err := c.KV.Compact(ctx, &pb.CompactionRequest{Revision: target})
			if err != nil && status.Convert(err).Message() != expect.Compacted.Text {
				return err
			}
			compacted = target
		}
	}
}

// watch goes on after the last event that was seen, until the stream ends.
func (r *run) watch(ctx context.Context, c *server.Client) error {
	call, err := r.openWatch(ctx, c)
	if err != nil {
		return err
	}
	for {
		response, err := call.Recv()
		if err != nil {
			return err
		}
		if response.Canceled {
			return fmt.Errorf("the watch was canceled: %v", response)
		}
		r.events = append(r.events, response.Events...)
		r.watched.Store(r.lastEvent())
	}
}

func (r *run) openWatch(ctx context.Context, c *server.Client) (pb.Watch_WatchClient, error) {
	call, err := c.Watch.Watch(ctx)
	if err != nil {
		return nil, err
	}
	return call, call.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{
			Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: r.lastEvent() + 1, PrevKv: true,
		},
	}})
}

func (r *run) lastEvent() int64 {
	if len(r.events) == 0 {
		return 1
	}
	return r.events[len(r.events)-1].Kv.ModRevision
}

// verify compares the restarted server with what was acknowledged, and returns how many changes
// were under way and how many of them happened.
func (r *run) verify() (doubtful, happened int) {
	c := r.server.Client(r.t)
	revision := c.Revision()
	expect.True(r.t, revision >= r.log.Last(), "revision %d after the kill, %d was acknowledged",
		revision, r.log.Last())
	expect.True(r.t, revision >= r.highest.Load(),
		"revision %d after the kill, a client has seen %d", revision, r.highest.Load())
	r.catchUp(c, revision)
	for _, w := range r.writers {
		if w.doubtful != nil {
			doubtful++
		}
	}
	happened = r.resolveDoubts()
	for _, w := range r.writers {
		w.doubtful = nil // it did not happen: no event has it
	}
	replayed, state, err := r.log.Replay()
	expect.OK(r.t, err)
	r.compareEvents(replayed)
	everything := c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	expect.Equal(r.t, "revision", everything.Header.Revision, revision)
	expect.Equal(r.t, "keys after the kill", everything.Kvs, state.Sorted())
	return doubtful, happened
}

// catchUp resumes the watch and reads all events up to the current revision.
func (r *run) catchUp(c *server.Client, revision int64) {
	stream := watchstream.Open(r.t, c)
	stream.Create(&pb.WatchCreateRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: r.lastEvent() + 1, PrevKv: true,
	})
	for r.lastEvent() < revision {
		r.events = append(r.events, stream.NextEvents().Events...)
	}
}

// resolveDoubts finds the revisions that nobody was told of: each has to be one whole change that
// was under way.
func (r *run) resolveDoubts() (happened int) {
	byRevision, order := map[int64][]*mvccpb.Event{}, []int64{}
	for _, event := range r.events {
		revision := event.Kv.ModRevision
		if r.log.Has(revision) {
			continue
		}
		if byRevision[revision] == nil {
			order = append(order, revision)
		}
		byRevision[revision] = append(byRevision[revision], event)
	}
	for _, revision := range order {
		if !r.resolve(revision, byRevision[revision]) {
			r.t.Errorf("revision %d is no whole change of any client: %v", revision,
				byRevision[revision])
			continue
		}
		happened++
	}
	return happened
}

func (r *run) resolve(revision int64, events []*mvccpb.Event) bool {
	for _, w := range r.writers {
		found, err := w.resolve(revision, events)
		expect.OK(r.t, err)
		if found {
			return true
		}
	}
	return false
}

// compareEvents checks that the watch got what was acknowledged: no gap, nothing twice, right
// previous values.
func (r *run) compareEvents(replayed []*mvccpb.Event) {
	expect.Equal(r.t, "number of events", len(r.events), len(replayed))
	for i := range min(len(r.events), len(replayed)) {
		if !proto.Equal(r.events[i], replayed[i]) {
			r.t.Fatalf("event %d of the watch is\n%v, acknowledged was\n%v", i, r.events[i],
				replayed[i])
		}
	}
}
