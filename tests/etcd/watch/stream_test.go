package watch

import (
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

func TestManyWatchesOnOneStream(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	const watches = 1000
	stream := watchstream.Open(t, c, "hasleader", "true")
	ids := map[int64]string{}
	for i := range watches {
		key := fmt.Sprintf("k%04d", i)
		stream.SendCreate(&pb.WatchCreateRequest{Key: []byte(key)})
		response := stream.Next()
		ids[response.WatchId] = key
	}
	expect.Equal(t, "distinct ids", len(ids), watches)
	for first := 0; first < watches; first += 100 {
		operations := []*pb.RequestOp{}
		for i := range 100 {
			operations = append(operations, ops.Put(fmt.Sprintf("k%04d", first+i), "v"))
		}
		c.Txn(&pb.TxnRequest{Success: operations})
	}
	seen := map[int64]bool{}
	for len(seen) < watches {
		response := stream.NextEvents()
		expect.True(t, !seen[response.WatchId], "watch %d got two responses", response.WatchId)
		seen[response.WatchId] = true
		expect.Equal(t, "events of one watch", len(response.Events), 1)
		expect.Equal(t, "key", string(response.Events[0].Kv.Key), ids[response.WatchId])
	}
}

// The client may say that it has no more requests; its watches go on.
func TestHalfClosedStream(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	stream.Create(prefix("k"))
	stream.CloseSend()
	for i := range 3 {
		c.Put("k", fmt.Sprint(i))
		expect.Equal(t, "event", string(stream.NextEvents().Events[0].Kv.Value), fmt.Sprint(i))
	}
}

// When the server goes away, the stream ends with a code after which clients come back by
// themselves.
func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := server.Start(t)
			c := s.Client(t)
			stream := watchstream.Open(t, c)
			stream.Create(prefix("k"))
			if how == "stop" {
				s.Stop()
			} else {
				s.Kill()
			}
			_, err := stream.Recv()
			expect.True(t,
				status.Code(err) == codes.Unavailable || status.Code(err) == codes.Internal,
				"error is %v", err)
		})
	}
}

// etcd's own client goes on after a restart of the server: nothing is lost or doubled.
func TestClientV3ResumesAfterRestart(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	client := s.ClientV3(t)
	watch := client.Watch(server.Context(t), "k", clientv3.WithPrefix(), clientv3.WithPrevKV())
	next, deadline := int64(2), time.After(50*time.Second)
	const rounds = 3
	for round := range rounds {
		for i := range 10 {
			_, err := client.Put(server.Context(t), fmt.Sprintf("k%d", i), fmt.Sprint(round))
			expect.OK(t, err)
		}
		for next < int64(2+(round+1)*10) {
			select {
			case response, open := <-watch:
				if !open || response.Err() != nil {
					t.Fatalf("the watch ended: %v", response.Err())
				}
				for _, event := range response.Events {
					expect.Equal(t, "revision of the event", event.Kv.ModRevision, next)
					expect.Equal(t, "has a previous value", event.PrevKv != nil, round > 0)
					next++
				}
			case <-deadline:
				t.Fatalf("no event of revision %d", next)
			}
		}
		switch round {
		case 0:
			s.Kill()
			s.Restart()
		case 1:
			s.Stop()
			s.Restart()
		}
	}
}

func TestClientV3SeesCompaction(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	client := s.ClientV3(t)
	for range 5 {
		_, err := client.Put(server.Context(t), "k", "v")
		expect.OK(t, err)
	}
	_, err := client.Compact(server.Context(t), 5)
	expect.OK(t, err)
	response := <-client.Watch(server.Context(t), "k", clientv3.WithRev(2))
	expect.Equal(t, "compact revision", response.CompactRevision, 5)
	expect.True(t, response.Err() != nil && response.Err().Error() == expect.Compacted.Text,
		"error is %v", response.Err())
}
