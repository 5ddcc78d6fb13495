package histories

import (
	"context"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// explicitIds is the first of the ids that clients choose by themselves.
const explicitIds = 100

func (w *watcher) name() string { return fmt.Sprintf("%d/%d", w.number, w.streams) }

// send asks for watches, ends some, and asks for progress, until the stream ends. An error of a send
// shows as the end of the stream on the receiving side.
func (s *session) send(ctx context.Context, first []*pb.WatchCreateRequest) {
	for _, request := range first {
		s.create(request)
	}
	for ctx.Err() == nil {
		wait(ctx, time.Duration(2+s.random.IntN(60))*time.Millisecond)
		switch n := s.random.IntN(20); {
		case s.watcher.final.Load() > 0 && s.nothingLeft():
			s.close()
			return
		case s.watcher.isAuditor() || s.watcher.final.Load() > 0 || n < 14:
			s.askForProgress()
		case n < 17:
			s.create(s.watcher.request())
		case n == 17:
			s.cancelOne()
		}
	}
}

// nothingLeft tells that all watches have ended, so that no response will tell the end.
func (s *session) nothingLeft() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.live) > 0 || len(s.pending) > 0 {
		return false
	}
	s.over = true
	return true
}

func (s *session) create(request *pb.WatchCreateRequest) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.over || len(s.live)+len(s.pending) >= maxWatches || s.asked && s.swapsAnswers() {
		return
	}
	if s.random.IntN(6) == 0 && s.created < explicitIds {
		request.WatchId = int64(explicitIds + s.created)
	}
	s.created++
	s.pending = append(s.pending, &live{request: request, next: request.StartRevision})
	s.sendLocked(&pb.WatchRequest{
		RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request},
	})
}

// swapsAnswers tells that the server can send the progress of a stream, from before a watch was
// made, after the answer to its creation, as etcd does: a client takes it for the progress of the
// new watch too and loses events. Then all watches are made before progress is asked for.
func (s *session) swapsAnswers() bool { return s.watcher.of.server.Kind().Name == "etcd" }

// confirmLocked ends a watch that compaction has ended already, as clientv3 does. Without it etcd
// tells no progress of the stream any more.
func (s *session) confirmLocked(id int64) {
	s.sendLocked(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{
		CancelRequest: &pb.WatchCancelRequest{WatchId: id},
	}})
}

func (s *session) cancelOne() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	ids := []int64{}
	for id, l := range s.live {
		if !l.canceling {
			ids = append(ids, id)
		}
	}
	if s.over || len(ids) < 2 {
		return
	}
	slices.Sort(ids)
	id := ids[s.random.IntN(len(ids))]
	s.live[id].canceling = true
	s.sendLocked(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{
		CancelRequest: &pb.WatchCancelRequest{WatchId: id},
	}})
}

func (s *session) askForProgress() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.over {
		return
	}
	s.asked = true
	s.sendLocked(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{
		ProgressRequest: &pb.WatchProgressRequest{},
	}})
}

// sendLocked notes and sends in one step, so that the record has the order of the stream.
func (s *session) sendLocked(request *pb.WatchRequest) {
	s.record.Sent(request)
	_ = s.stream.Send(request) // an error comes back from Recv
}
