package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/labels"
	"kubase/tests/etcd/internal/server"
)

// watcher opens one watch stream after the other on its connection. What a stream has not seen when
// it ends is asked for again on the next one.
type watcher struct {
	of     *run
	client *server.Client
	number int
	random *rand.Rand
	// final is the revision to reach before the end, 0 while it is not known.
	final *atomic.Int64
	// resumed are the watches to open first on the next stream.
	resumed []*pb.WatchCreateRequest
	streams int
}

// newWatcher makes a watcher; number 0 is the one that watches all keys from the beginning on, and
// nothing else.
func newWatcher(r *run, c *server.Client, number int, final *atomic.Int64) *watcher {
	w := &watcher{
		of: r, client: c, number: number, final: final,
		random: rand.New(rand.NewPCG(r.seed, uint64(1000+number))),
	}
	if w.isAuditor() {
		w.resumed = []*pb.WatchCreateRequest{{
			Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1, PrevKv: true,
		}}
	}
	return w
}

func (w *watcher) isAuditor() bool { return w.number == 0 }

func (w *watcher) chance(n int) bool { return w.random.IntN(n) == 0 }

// run opens streams until one has reached the final revision.
func (w *watcher) run() {
	for !w.of.t.Failed() {
		w.streams++
		s := newSession(w)
		drained, err := s.run()
		if drained || w.of.t.Failed() {
			return
		}
		if err != nil && !w.mayEnd(err) {
			w.of.t.Errorf("watch stream %s ended: %v", s.record.Name, err)
			return
		}
		w.resumed = s.toResume()
		if err != nil {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			w.of.waitUntilAnswered(ctx, w.client)
			cancel()
		}
	}
}

// mayEnd tells whether a stream may end in this way when the client did not end it.
func (w *watcher) mayEnd(err error) bool {
	// An outage of the database ends no stream.
	return (w.of.mode.kills || w.of.mode.leaders) && status.Code(err) == codes.Unavailable
}

// first are the watches that a stream begins with.
func (w *watcher) first() []*pb.WatchCreateRequest {
	requests := w.resumed
	w.resumed = nil
	for count := 1 + w.random.IntN(4); !w.isAuditor() && len(requests) < count; {
		requests = append(requests, w.request())
	}
	return requests
}

// request is a random watch: of one key, a range or all keys, from now, the past or the future.
func (w *watcher) request() *pb.WatchCreateRequest {
	request := &pb.WatchCreateRequest{
		Key:    fmt.Appendf(nil, "/registry/pods/default/%02d", w.random.IntN(18)),
		PrevKv: w.random.IntN(4) > 0, ProgressNotify: w.chance(2), Fragment: w.chance(2),
	}
	switch w.random.IntN(5) {
	case 0, 1:
		request.Key, request.RangeEnd = []byte("/registry/pods/"), []byte("/registry/pods0")
	case 2:
		request.RangeEnd = []byte("/registry/pods/default/~")
	case 3:
		request.Key, request.RangeEnd = []byte{0}, []byte{0}
	}
	if w.chance(6) {
		request.Filters = []pb.WatchCreateRequest_FilterType{
			pb.WatchCreateRequest_FilterType(w.random.IntN(2)),
		}
	}
	if w.of.world.Selectors && w.chance(2) {
		labels.Select(request, labels.RandomSelector(w.random))
	}
	seen, ending := w.of.audited.Load(), w.of.ending.Load()
	switch w.random.IntN(8) {
	case 0, 1, 2:
		request.StartRevision = max(1, seen-w.random.Int64N(500))
	case 3:
		request.StartRevision = max(1, w.of.world.Compacted.Load()+w.random.Int64N(3)-1)
	case 4:
		if !ending {
			request.StartRevision = seen + w.random.Int64N(furthestStart)
		}
	case 5:
		request.StartRevision = 1 + w.random.Int64N(seen)
	}
	return request
}

// slowness is how long a slow reader waits before it reads on; in a flood it reads nothing at all
// for seconds.
func (w *watcher) slowness() time.Duration {
	if w.of.mode.flood && w.chance(5) {
		return time.Duration(w.random.IntN(4000)) * time.Millisecond
	}
	return time.Duration(w.random.IntN(80)) * time.Millisecond
}

// lifetime is how long a stream stays open while clients write.
func (w *watcher) lifetime() time.Duration {
	if w.isAuditor() {
		return time.Hour
	}
	if w.of.mode.flood {
		return time.Duration(1000+w.random.IntN(20_000)) * time.Millisecond
	}
	return time.Duration(50+w.random.IntN(3000)) * time.Millisecond
}
