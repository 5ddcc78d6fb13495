package watchstream

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
)

// ExpectLists checks that each list, with the events of the stream that watches from the revision
// after it on, becomes the final one, and that the events have every revision in between.
func ExpectLists(t testing.TB, lists []*pb.RangeResponse, streams []*Stream, final *pb.RangeResponse) {
	t.Helper()
	for i, list := range lists {
		state := versions(list.Kvs)
		for next := list.Header.Revision + 1; next <= final.Header.Revision; {
			for _, event := range streams[i].NextEvents().Events {
				expect.Equal(t, "revision of the event", event.Kv.ModRevision, next)
				state[string(event.Kv.Key)] = event.Kv.Version
				next++
			}
		}
		expect.Equal(t, fmt.Sprintf("state from list %d and its events", i), state,
			versions(final.Kvs))
	}
}

func versions(kvs []*mvccpb.KeyValue) map[string]int64 {
	state := map[string]int64{}
	for _, kv := range kvs {
		state[string(kv.Key)] = kv.Version
	}
	return state
}
