package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/watchstream"
)

const maxWatches = 6

// session is one watch stream: one goroutine sends, one receives.
type session struct {
	watcher *watcher
	record  *history.Stream
	stream  pb.Watch_WatchClient
	cancel  context.CancelFunc
	// slow tells that the reader takes its time.
	slow bool
	// random is that of the sending goroutine.
	random *rand.Rand

	mutex   sync.Mutex
	pending []*live         // without an answer, the oldest first
	live    map[int64]*live // by id
	created int
	// asked tells that progress was asked for.
	asked bool
	// over tells that nothing more is sent, since everything was received.
	over bool
	// closed tells that the client has ended the stream.
	closed bool
}

// live is what a client knows of one of its watches.
type live struct {
	request *pb.WatchCreateRequest
	// next is the revision from which on it would have to be asked for again, 0 for from now.
	next int64
	// canceling tells that the client wants no more of it.
	canceling bool
}

func newSession(w *watcher) *session {
	return &session{
		watcher: w, live: map[int64]*live{},
		slow:   !w.isAuditor() && (w.of.mode.flood || w.chance(4)),
		record: w.of.recorder.NewStream(w.name()),
		random: rand.New(rand.NewPCG(w.random.Uint64(), 1)),
	}
}

// run opens the stream and reads it until its end. It is drained when everything up to the final
// revision has come; else there is the error with which it ended, or none when the client ended it.
func (s *session) run() (drained bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.cancel = cancel
	if s.stream, err = s.watcher.client.Watch.Watch(ctx); err != nil {
		return false, err
	}
	first, lifetime := s.watcher.first(), s.watcher.lifetime()
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	sending.Go(func() { s.send(ctx, first) })
	sending.Go(func() { s.endAfter(ctx, lifetime) })
	for {
		response, err := s.stream.Recv()
		if err != nil {
			s.record.Ended()
			return s.ended(err)
		}
		s.record.Received(response)
		if s.take(response) {
			s.record.Drained = true
			return true, nil
		}
		if s.slow && s.watcher.final.Load() == 0 {
			wait(ctx, s.watcher.slowness())
		}
	}
}

func (s *session) ended(err error) (drained bool, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return s.over, nil
	}
	return false, err
}

// close ends the stream from the client's side.
func (s *session) close() {
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.cancel()
}

// endAfter ends the stream after its time, unless it has to be read to the end by then. A stream
// that does not get there is an error.
func (s *session) endAfter(ctx context.Context, lifetime time.Duration) {
	wait(ctx, lifetime)
	if ctx.Err() != nil {
		return
	}
	if s.watcher.final.Load() == 0 {
		s.close()
		return
	}
	if wait(ctx, patience); ctx.Err() == nil {
		s.watcher.of.t.Errorf("watch stream %s does not get to revision %d: %s", s.record.Name,
			s.watcher.final.Load(), s.describe())
		s.close()
	}
}

// take follows one response. It tells when everything up to the final revision has come.
func (s *session) take(response *pb.WatchResponse) (drained bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	revision := response.Header.GetRevision()
	l := s.live[response.WatchId]
	switch {
	case response.Created && len(s.pending) > 0:
		l = s.pending[0]
		s.pending = s.pending[1:]
		s.live[response.WatchId] = l
		if l.next == 0 {
			l.next = revision + 1
		}
	case response.Canceled:
		delete(s.live, response.WatchId)
		if response.CompactRevision != 0 {
			s.confirmLocked(response.WatchId)
		}
	case watchstream.IsProgress(response):
		for id, l := range s.live {
			if !l.canceling && (response.WatchId == -1 || response.WatchId == id) {
				s.advance(l, revision+1)
			}
		}
	case l != nil && len(response.Events) > 0:
		next := response.Events[len(response.Events)-1].Kv.ModRevision + 1
		if response.Fragment {
			next-- // the revision can go on in the next one
		}
		s.advance(l, next)
	}
	s.over = s.over || s.isDrained()
	return s.over
}

func (s *session) advance(l *live, next int64) {
	l.next = max(l.next, next)
	if audited := &s.watcher.of.audited; s.watcher.isAuditor() && l.next-1 > audited.Load() {
		audited.Store(l.next - 1)
	}
}

func (s *session) isDrained() bool {
	final := s.watcher.final.Load()
	if final == 0 || len(s.pending) > 0 {
		return false
	}
	for _, l := range s.live {
		if !l.canceling && l.next <= final {
			return false
		}
	}
	return true
}

// describe tells how far each watch has come.
func (s *session) describe() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text := fmt.Sprintf("%d without an answer", len(s.pending))
	for id, l := range s.live {
		text += fmt.Sprintf("; watch %d at %d, canceling %v: %s", id, l.next-1, l.canceling,
			history.Short(l.request))
	}
	return text
}

// toResume is what to ask for on the next stream: what was not canceled and is not at its end, from
// where it had come.
func (s *session) toResume() []*pb.WatchCreateRequest {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := slices.Clone(s.pending)
	for id := range int64(2 * explicitIds) { // in a fixed order
		if l := s.live[id]; l != nil && !l.canceling {
			all = append(all, l)
		}
	}
	requests, final := []*pb.WatchCreateRequest{}, s.watcher.final.Load()
	for _, l := range all {
		atEnd := final > 0 && l.next > final
		if !s.watcher.isAuditor() && (atEnd || s.watcher.chance(3)) {
			continue
		}
		request := proto.Clone(l.request).(*pb.WatchCreateRequest)
		request.StartRevision, request.WatchId = l.next, 0
		requests = append(requests, request)
	}
	return requests
}
