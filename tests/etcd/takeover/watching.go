package takeover

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"kubase/tests/etcd/internal/server"
)

// watching is a watch of everything by etcd's own client, which resumes it.
type watching struct {
	t       testing.TB
	channel clientv3.WatchChan
}

func watchEverything(t testing.TB, s *server.Server) *watching {
	t.Helper()
	return &watching{t, s.ClientV3(t).Watch(server.Context(t), "/", clientv3.WithPrefix(),
		clientv3.WithRev(2))}
}

// expectUntil reads one event for each revision from the first on, and returns the values by them.
func (w *watching) expectUntil(last int64) map[int64]string {
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
