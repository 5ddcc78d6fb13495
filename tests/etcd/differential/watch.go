package differential

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/watchstream"
)

// watcher is one watch on one server, alone on its stream. A goroutine collects what comes.
type watcher struct {
	stream pb.Watch_WatchClient
	cancel context.CancelFunc

	mutex sync.Mutex
	// changed is closed, and made anew, when something came.
	changed  chan struct{}
	answer   *pb.WatchResponse // to the create request
	events   []*mvccpb.Event
	promised int64             // by a progress response
	canceled *pb.WatchResponse // by the server
	broken   error             // a rule of watches that the server broke, or the end of the stream
}

func (o *target) watch(ctx context.Context, request *pb.WatchCreateRequest) (*watcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	call, err := watchstream.Ask(ctx, o.client.Watch, request)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watcher{stream: call, cancel: cancel, changed: make(chan struct{})}
	go w.collect()
	return w, nil
}

func (w *watcher) collect() {
	for fragment := false; ; {
		response, err := w.stream.Recv()
		w.mutex.Lock()
		if err != nil {
			w.broken = err
		} else {
			w.take(response, fragment)
			fragment = response.Fragment
		}
		close(w.changed)
		w.changed = make(chan struct{})
		w.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

func (w *watcher) take(response *pb.WatchResponse, fragment bool) {
	switch {
	case response.Created && w.answer == nil:
		w.answer = response
	case response.Canceled:
		w.canceled = response
	case watchstream.IsProgress(response):
		if response.Header.Revision < max(w.promised, w.lastRevision()) {
			w.broken = fmt.Errorf("progress went back to %v", response)
		}
		w.promised = response.Header.Revision
	default:
		if first := response.Events[0].Kv.ModRevision; first <= max(w.promised, w.lastRevision()) &&
			!fragment {
			w.broken = fmt.Errorf("revision %d after %d, progress %d", first, w.lastRevision(),
				w.promised)
		}
		w.events = append(w.events, response.Events...)
	}
}

func (w *watcher) lastRevision() int64 {
	if len(w.events) == 0 {
		return 0
	}
	return w.events[len(w.events)-1].Kv.ModRevision
}

// wait blocks until the condition holds, asking for progress now and then.
func (w *watcher) wait(condition func() bool, progress bool) error {
	deadline := time.After(30 * time.Second)
	for {
		w.mutex.Lock()
		done, broken, changed := condition(), w.broken, w.changed
		w.mutex.Unlock()
		if done {
			return nil
		}
		if broken != nil {
			return broken
		}
		if progress {
			request := &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}
			if err := w.stream.Send(&pb.WatchRequest{RequestUnion: request}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("nothing for 30 s; %d events, progress %d", len(w.events), w.promised)
		}
	}
}

// created waits for the answer to the create request.
func (w *watcher) created() (*pb.WatchResponse, error) {
	err := w.wait(func() bool { return w.answer != nil }, false)
	return w.answer, err
}

// synced waits until everything up to a revision has come, or the server has canceled the watch.
func (w *watcher) synced(revision int64) error {
	return w.wait(func() bool { return w.canceled != nil || w.promised >= revision }, true)
}

// pair is the same watch on both servers.
type pair struct {
	request    *pb.WatchCreateRequest
	etcd, ours *watcher
}

// sync waits until both have everything up to a revision, and compares them from the start. A watch
// that starts later has nothing to compare yet.
func (p *pair) sync(revision int64) error {
	if p.request.StartRevision > revision {
		return nil
	}
	if err := p.etcd.synced(revision); err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	if err := p.ours.synced(revision); err != nil {
		return fmt.Errorf("ours: %w", err)
	}
	return p.compare()
}

func (p *pair) compare() error {
	etcd, ours := p.etcd.events, p.ours.events
	for i := range max(len(etcd), len(ours)) {
		switch {
		case i >= len(ours):
			return fmt.Errorf("event %d of etcd is missing: %v", i, etcd[i])
		case i >= len(etcd):
			return fmt.Errorf("event %d is not sent by etcd: %v", i, ours[i])
		case !proto.Equal(etcd[i], ours[i]):
			return fmt.Errorf("event %d\netcd: %v\nours: %v", i, etcd[i], ours[i])
		}
	}
	if a, b := describeCancel(p.etcd.canceled), describeCancel(p.ours.canceled); a != b {
		return fmt.Errorf("cancellation\netcd: %s\nours: %s", a, b)
	}
	return nil
}

func describeCancel(response *pb.WatchResponse) string {
	if response == nil {
		return "none"
	}
	return fmt.Sprintf("id %d, compacted %d, created %v, reason %q, %d events", response.WatchId,
		response.CompactRevision, response.Created, response.CancelReason, len(response.Events))
}

func (p *pair) close() {
	p.etcd.cancel()
	p.ours.cancel()
}
