package issues

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// A watch that starts below the compacted revision gets the cancellation and not one event; its
// neighbours on the stream get each event once.
func TestKine238CompactedWatchGetsNoEvents(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for i := range 1000 {
		c.Put(fmt.Sprintf("k%d", i%7), "v") // 2 to 1001
	}
	c.Compact(900)
	stream := watchstream.Open(t, c)
	starts := map[int64]int64{}
	for i := range int64(25) {
		request := watchAll(1 + i*40)
		request.WatchId = i + 1
		stream.SendCreate(request)
		starts[i+1] = request.StartRevision
	}
	next, canceled := map[int64]int64{}, map[int64]bool{}
	for open := len(starts); open > 0; {
		response := stream.Next()
		id := response.WatchId
		if response.Created {
			next[id] = starts[id]
			continue
		}
		expect.Equal(t, fmt.Sprintf("watch %d lives", id), canceled[id], false)
		if response.Canceled {
			expect.True(t, starts[id] < 900, "watch from %d was canceled", starts[id])
			expect.Equal(t, "compact revision", response.CompactRevision, 900)
			expect.Equal(t, "events", len(response.Events), 0)
			canceled[id] = true
			open--
			continue
		}
		expect.True(t, starts[id] >= 900, "watch from %d got %d events", starts[id],
			len(response.Events))
		for _, event := range response.Events {
			expect.Equal(t, "revision of the event", event.Kv.ModRevision, next[id])
			next[id]++
		}
		if next[id] == 1002 {
			open--
		}
		if t.Failed() {
			return
		}
	}
}

// Progress never promises what was not sent, neither by the timer nor on request: kine told the
// revision of the store, and the client resumed behind events that were under way.
func TestKine602ProgressNotTooEarly(t *testing.T) {
	t.Parallel()
	s := server.StartWith(t, server.UnderTest(t), server.Options{Progress: 100 * time.Millisecond})
	log := model.NewLog()
	var ended atomic.Bool
	var group sync.WaitGroup
	for w := range 4 {
		c := s.Client(t)
		group.Go(func() {
			for i := 0; !ended.Load(); i++ {
				change := model.Change{Key: fmt.Sprintf("/p%d/%d", w, i%10), Value: fmt.Sprint(i)}
				response, err := c.KV.Put(server.Context(t),
					&pb.PutRequest{Key: []byte(change.Key), Value: []byte(change.Value)})
				expect.OK(t, err)
				expect.OK(t, log.Add(response.Header.Revision, change))
			}
		})
	}
	c := s.Client(t)
	stream, answers := watchstream.Open(t, c), map[int64][]*pb.WatchResponse{}
	requests := map[int64]*pb.WatchCreateRequest{}
	for i := range int64(5) { // the fifth prefix is idle
		request := &pb.WatchCreateRequest{
			Key: fmt.Appendf(nil, "/p%d/", i), RangeEnd: fmt.Appendf(nil, "/p%d0", i),
			StartRevision: 1, ProgressNotify: true, PrevKv: true, WatchId: i + 1,
		}
		requests[i+1] = request
		stream.SendCreate(request)
	}
	promises := 0
	note := func(response *pb.WatchResponse) int64 {
		if watchstream.IsProgress(response) {
			promises++
		}
		for id := range requests {
			if id == response.WatchId || response.WatchId == -1 {
				answers[id] = append(answers[id], response)
			}
		}
		return response.Header.Revision
	}
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		stream.SendProgress()
		if response := stream.Next(); !response.Created {
			note(response)
		}
		time.Sleep(time.Millisecond) // leaves the machine to the writers
	}
	ended.Store(true)
	group.Wait()
	last := log.Last()
	for promised := int64(0); promised < last; {
		stream.SendProgress()
		if response := stream.NextWithin(100 * time.Millisecond); response != nil {
			promised = note(response)
			if !watchstream.IsProgress(response) || response.WatchId != -1 {
				promised = 0
			}
		}
	}
	events, _, err := log.Replay()
	expect.OK(t, err)
	for id, request := range requests {
		expect.OK(t, model.CheckWatch(request, 2, last, answers[id], events))
	}
	t.Logf("%d revisions, %d progress responses", last, promises)
}

// Progress is told of an empty store and right after a restart too, and is never of revision 0.
func TestKine568ProgressIsNeverZero(t *testing.T) {
	t.Parallel()
	s := server.StartWith(t, server.UnderTest(t), server.Options{Progress: 100 * time.Millisecond})
	for range 3 {
		c := s.Client(t)
		revision := c.Revision()
		stream := watchstream.Open(t, c)
		request := watchAll(0)
		request.ProgressNotify = true
		created := stream.Create(request)
		expect.Equal(t, "revision at the start", created.Header.Revision, revision)
		for range 5 {
			stream.SendProgress()
			expect.Equal(t, "progress", stream.NextProgress().Header.Revision, revision)
		}
		c.Put("k", "v")
		s.Kill()
		s.Restart()
	}
}

// A prefix where nothing happens is told how far the store is, so that its watcher does not have to
// resume from a compacted revision.
func TestKine543And185IdlePrefixProgresses(t *testing.T) {
	t.Parallel()
	s := server.StartWith(t, server.UnderTest(t), server.Options{Progress: 200 * time.Millisecond})
	c := s.Client(t)
	stream := watchstream.Open(t, c)
	stream.Create(&pb.WatchCreateRequest{
		Key: []byte("/idle/"), RangeEnd: []byte("/idle0"), ProgressNotify: true,
	})
	for range 5 {
		last := fill(c, "/busy/", 0, 999, []byte("v"))
		began, revision := time.Now(), int64(0)
		for revision < last {
			revision = stream.NextProgress().Header.Revision
		}
		expect.True(t, time.Since(began) < 2*time.Second, "progress took %v", time.Since(began))
	}
}

// Watches that are behind by a backlog as large as this all get every event of it, while others
// write, and while one of them does not read.
func TestEtcd17529Backlog(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	value := []byte(strings.Repeat("v", 200))
	for range 10 {
		fill(c, "/k/", 0, 3999, value)
	}
	s.Kill() // so that the events are read from the disk
	s.Restart()
	c = s.Client(t)
	asleep := watchstream.Open(t, s.Client(t))
	asleep.Create(watchAll(2))
	streams := []*watchstream.Stream{}
	for range 4 {
		stream := watchstream.Open(t, s.Client(t))
		stream.Create(watchAll(2))
		streams = append(streams, stream)
	}
	last := fill(c, "/l/", 0, 1999, value)
	for _, stream := range append(streams, asleep) {
		for next, position := int64(2), 0; next <= last; {
			for _, event := range stream.NextEvents().Events {
				expect.Equal(t, "revision of the event", event.Kv.ModRevision, next)
				if position++; position == 100 {
					next, position = next+1, 0
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d events for each of %d watches", 42000, len(streams)+1)
}
