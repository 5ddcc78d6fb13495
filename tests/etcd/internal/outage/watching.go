package outage

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"kubase/tests/etcd/internal/server"
)

// Watching is a watch by etcd's own client, which resumes it.
type Watching struct {
	t       testing.TB
	channel clientv3.WatchChan
}

// WatchEverything watches from the first revision on.
func WatchEverything(t testing.TB, s *server.Server) *Watching {
	t.Helper()
	return &Watching{t, s.ClientV3(t).Watch(server.Context(t), "/", clientv3.WithPrefix(),
		clientv3.WithRev(2))}
}

// ExpectUntil reads one event for each revision from the first on, and returns the values by them.
func (w *Watching) ExpectUntil(last int64) map[int64]string {
	w.t.Helper()
	values := map[int64]string{}
	for next := int64(2); next <= last; {
		response, open := <-w.channel
		if !open || response.Err() != nil {
			w.t.Fatalf("the watch ended before revision %d: %v", next, response.Err())
		}
		for _, event := range response.Events {
			if event.Kv.ModRevision != next {
				w.t.Fatalf("the watch shows revision %d, want %d", event.Kv.ModRevision, next)
			}
			values[next] = string(event.Kv.Value)
			next++
		}
	}
	return values
}

// Next is the next response, and false at the end.
func (w *Watching) Next() (clientv3.WatchResponse, bool) {
	response, open := <-w.channel
	return response, open
}
