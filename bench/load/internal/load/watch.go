package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// ErrCanceled is the end of a watch by the server.
var ErrCanceled = errors.New("the server has canceled the watch")

// Watchers watch all keys, each on a stream of its own, as kube-apiserver's clients do.
type Watchers struct {
	cancel   context.CancelFunc
	all      sync.WaitGroup
	watchers []*watcher
}

type watcher struct {
	stream    pb.Watch_WatchClient
	expected  int
	revision  int64
	latencies []time.Duration
	err       error
}

// Watch opens a number of watchers, spread over the connections, that expect a number of updates:
// those after the present revision, which is named, as kube-apiserver does.
func (c *Client) Watch(ctx context.Context, watchers, updates int) (*Watchers, error) {
	revision, err := c.Revision(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeLimit+callTimeout)
	w := &Watchers{cancel: cancel}
	for id := range watchers {
		one, err := openWatcher(ctx, c.watch[id%len(c.watch)], revision, updates)
		if err != nil {
			w.Close()
			return nil, fmt.Errorf("watcher %d: %w", id, err)
		}
		w.watchers = append(w.watchers, one)
		w.all.Go(func() { one.err = one.receive() })
	}
	return w, nil
}

// Wait waits until every watcher has got what it expects, and returns how long each event was on
// its way, from the start of the update to its arrival, in ascending order.
func (w *Watchers) Wait() ([]time.Duration, error) {
	w.all.Wait()
	var latencies []time.Duration
	for id, one := range w.watchers {
		if one.err != nil {
			return nil, fmt.Errorf("watcher %d, after %d of %d events: %w", id,
				len(one.latencies), one.expected, one.err)
		}
		latencies = append(latencies, one.latencies...)
	}
	slices.Sort(latencies)
	return latencies, nil
}

// Close ends the watches.
func (w *Watchers) Close() {
	w.cancel()
	w.all.Wait()
}

func openWatcher(ctx context.Context, client pb.WatchClient, revision int64,
	updates int) (*watcher, error) {
	stream, err := client.Watch(ctx)
	if err != nil {
		return nil, err
	}
	create := &pb.WatchCreateRequest{
		Key: []byte(prefix), RangeEnd: []byte(prefixEnd), StartRevision: revision + 1, PrevKv: true,
	}
	err = stream.Send(&pb.WatchRequest{
		RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create},
	})
	if err != nil {
		return nil, err
	}
	response, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if !response.Created || response.Canceled {
		return nil, fmt.Errorf("not created: %s", response.CancelReason)
	}
	return &watcher{
		stream: stream, revision: revision, expected: updates,
		latencies: make([]time.Duration, 0, updates),
	}, nil
}

func (w *watcher) receive() error {
	for len(w.latencies) < w.expected {
		response, err := w.stream.Recv()
		if err != nil {
			return err
		}
		if response.Canceled {
			return fmt.Errorf("%w: %q", ErrCanceled, response.CancelReason)
		}
		for _, event := range response.Events {
			if event.Kv.ModRevision <= w.revision || event.PrevKv == nil {
				return fmt.Errorf("an event of %s at revision %d after %d, previous pair: %v",
					event.Kv.Key, event.Kv.ModRevision, w.revision, event.PrevKv != nil)
			}
			w.revision = event.Kv.ModRevision
			latency, err := age(event.Kv.Value)
			if err != nil {
				return err
			}
			w.latencies = append(w.latencies, latency)
		}
	}
	return nil
}
