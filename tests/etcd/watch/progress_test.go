package watch

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// A watch that asked for it hears of progress also when nothing happens under its prefix.
func TestProgressNotify(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	request := prefix("idle/")
	request.ProgressNotify = true
	id := stream.Create(request).WatchId
	silent := stream.Create(prefix("idle/")).WatchId
	last := int64(1)
	for round := range 3 {
		for range 5 {
			last = c.Put("busy", fmt.Sprint(round)).Header.Revision
		}
		for revision := int64(0); revision < last; {
			response := stream.NextProgress()
			expect.Equal(t, "watch with the progress", response.WatchId, id)
			expect.True(t, response.Header.Revision >= max(revision, 1),
				"progress went back from %d to %d", revision, response.Header.Revision)
			expect.True(t, response.Header.Revision <= last, "progress %d, but the store is at %d",
				response.Header.Revision, last)
			revision = response.Header.Revision
		}
	}
	c.Put("idle/k", "v")
	for range 2 {
		response := stream.NextEvents()
		expect.True(t, response.WatchId == id || response.WatchId == silent, "event for watch %d",
			response.WatchId)
		expect.Equal(t, "event", brief(response.Events),
			[]string{fmt.Sprintf("put idle/k@%d", last+1)})
	}
}

// The store never was at revision 0, and no progress says so.
func TestProgressOfAnEmptyStore(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	request := prefix("k")
	request.ProgressNotify = true
	stream.Create(request)
	expect.Equal(t, "progress by the timer", stream.NextProgress().Header.Revision, 1)
	expect.Equal(t, "progress on request", stream.ProgressUntil(1).Header.Revision, 1)
}

// One request has one answer for the whole stream, with watch id -1.
func TestRequestProgress(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	stream := watchstream.Open(t, c)
	stream.Create(prefix("a"))
	stream.Create(prefix("b"))
	header := c.Put("other", "v").Header
	expect.Equal(t, "answer", stream.ProgressUntil(header.Revision),
		&pb.WatchResponse{Header: header, WatchId: -1})
	for range 10 {
		revision := c.Put("a", "v").Header.Revision
		stream.SendProgress()
		// The progress may have been decided before the put reached the stream, but it promises no
		// more than what was sent: an event after it is newer than it.
		promised := int64(0)
		for event := false; !event; {
			response := stream.Next()
			if watchstream.IsProgress(response) {
				promised = response.Header.Revision
				continue
			}
			expect.Equal(t, "revision of the event", response.Events[0].Kv.ModRevision, revision)
			expect.True(t, promised < revision, "progress %d came before the event of %d", promised,
				revision)
			event = true
		}
		stream.ProgressUntil(revision)
	}
}

// A stream without watches, and one with a watch that starts in the future, has no progress to
// tell. The events that follow go the same way as progress would, so they prove that none was sent.
func TestRequestProgressWithoutAnswer(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v") // 2
	stream := watchstream.Open(t, c)
	stream.SendProgress()
	stream.SendProgress()
	expect.Equal(t, "first response", stream.Create(prefix("k")).Created, true)
	future := prefix("future")
	future.StartRevision = 5
	stream.Create(future)
	stream.SendProgress()
	stream.SendProgress()
	expect.Equal(t, "answer to the create request after them", stream.Create(prefix("x")).Created,
		true)
	c.Put("k", "w") // 3
	response := stream.Next()
	expect.Equal(t, "event instead of progress", brief(response.Events), []string{"put k@3"})
	c.Put("k", "w") // 4
	c.Put("k", "w") // 5
	expect.Equal(t, "events", brief(stream.Events(2)), []string{"put k@4", "put k@5"})
	expect.Equal(t, "progress at the start", stream.ProgressUntil(5).WatchId, -1)
}

// While a watch reads the past, progress is not told; once it is, all events have come.
func TestProgressOfAWatchThatCatchesUp(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	const count = 2000
	for i := range count {
		c.Put(fmt.Sprintf("k%d", i%100), "v")
	}
	for range 5 {
		stream := watchstream.Open(t, c)
		request := prefix("k")
		request.StartRevision = 2
		stream.Create(request)
		stream.SendProgress()
		next := int64(2)
		for next < count+2 {
			response := stream.Next()
			expect.True(t, len(response.Events) > 0, "progress %d before the event of %d",
				response.Header.Revision, next)
			for _, event := range response.Events {
				expect.Equal(t, "revision of the event", event.Kv.ModRevision, next)
				next++
			}
		}
		stream.ProgressUntil(count + 1)
	}
}
