// Package watchstream speaks the Watch call as it is on the wire. It reads one response ahead of
// the test and no more, so that a test can be a slow reader.
package watchstream

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/metadata"

	"kubase/tests/etcd/internal/server"
)

// Stream is one open Watch call. It ends when the test ends.
type Stream struct {
	t      testing.TB
	stream pb.Watch_WatchClient
	cancel context.CancelFunc
	// received has the results of Recv, one at a time; the last one is an error.
	received chan result
}

type result struct {
	response *pb.WatchResponse
	err      error
}

// Open starts a Watch call; the metadata is in pairs of name and value.
func Open(t testing.TB, c *server.Client, pairs ...string) *Stream {
	t.Helper()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(server.Context(t), pairs...))
	t.Cleanup(cancel)
	stream, err := c.Watch.Watch(ctx)
	if err != nil {
		t.Fatalf("open a watch stream: %v", err)
	}
	s := &Stream{t: t, stream: stream, cancel: cancel, received: make(chan result)}
	go s.receive(ctx)
	return s
}

func (s *Stream) receive(ctx context.Context) {
	defer close(s.received)
	for {
		response, err := s.stream.Recv()
		select {
		case s.received <- result{response, err}:
		case <-ctx.Done():
			if err == nil {
				continue // the next Recv returns the error of the context
			}
		}
		if err != nil {
			return
		}
	}
}

// Close ends the call from the client's side.
func (s *Stream) Close() { s.cancel() }

// CloseSend tells the server that no more requests follow.
func (s *Stream) CloseSend() {
	s.t.Helper()
	if err := s.stream.CloseSend(); err != nil {
		s.t.Fatalf("close the sending side: %v", err)
	}
}

// Ask opens a stream and asks for one watch on it, and does not wait for the answer.
func Ask(ctx context.Context, client pb.WatchClient, request *pb.WatchCreateRequest,
) (pb.Watch_WatchClient, error) {
	stream, err := client.Watch(ctx)
	if err != nil {
		return nil, err
	}
	create := &pb.WatchRequest_CreateRequest{CreateRequest: request}
	if err := stream.Send(&pb.WatchRequest{RequestUnion: create}); err != nil {
		return nil, err
	}
	return stream, nil
}

// SendCreate asks for a watch and does not wait for the answer.
func (s *Stream) SendCreate(request *pb.WatchCreateRequest) {
	s.t.Helper()
	s.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request}})
}

// Create asks for a watch and returns the next response, which has to be the answer.
func (s *Stream) Create(request *pb.WatchCreateRequest) *pb.WatchResponse {
	s.t.Helper()
	s.SendCreate(request)
	response := s.Next()
	if !response.Created {
		s.t.Fatalf("the answer to a create request is not marked as created: %v", response)
	}
	return response
}

// SendCancel asks to end a watch and does not wait for the answer.
func (s *Stream) SendCancel(id int64) {
	s.t.Helper()
	s.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{
		CancelRequest: &pb.WatchCancelRequest{WatchId: id},
	}})
}

// SendProgress asks for a progress response of the whole stream and does not wait for it.
func (s *Stream) SendProgress() {
	s.t.Helper()
	s.send(
		&pb.WatchRequest{
			RequestUnion: &pb.WatchRequest_ProgressRequest{
				ProgressRequest: &pb.WatchProgressRequest{},
			},
		},
	)
}

// SendEmpty sends a request without content.
func (s *Stream) SendEmpty() {
	s.t.Helper()
	s.send(&pb.WatchRequest{})
}

func (s *Stream) send(request *pb.WatchRequest) {
	s.t.Helper()
	if err := s.stream.Send(request); err != nil {
		s.t.Fatalf("send on a watch stream: %v", err)
	}
}

// Recv returns the next response, or the error with which the stream ended.
func (s *Stream) Recv() (*pb.WatchResponse, error) {
	next, open := <-s.received
	if !open {
		return nil, context.Canceled
	}
	return next.response, next.err
}

// Next returns the next response and ends the test when the stream ends.
func (s *Stream) Next() *pb.WatchResponse {
	s.t.Helper()
	response, err := s.Recv()
	if err != nil {
		s.t.Fatalf("the watch stream ended: %v", err)
	}
	return response
}

// NextWithin is like Next, but returns nil when no response comes in this time.
func (s *Stream) NextWithin(wait time.Duration) *pb.WatchResponse {
	s.t.Helper()
	select {
	case next, open := <-s.received:
		if !open || next.err != nil {
			s.t.Fatalf("the watch stream ended: %v", next.err)
		}
		return next.response
	case <-time.After(wait):
		return nil
	}
}

// ProgressUntil asks for progress until the server has promised everything up to the revision. A
// request stays without an answer while a watch of the stream catches up, so it is repeated. It
// ends the test when anything else than progress comes.
func (s *Stream) ProgressUntil(revision int64) *pb.WatchResponse {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		s.SendProgress()
		response := s.NextWithin(200 * time.Millisecond)
		if response == nil {
			continue
		}
		if !IsProgress(response) {
			s.t.Fatalf("expected a progress response, got %v", response)
		}
		if response.Header.Revision >= revision {
			return response
		}
	}
	s.t.Fatalf("no progress to revision %d", revision)
	return nil
}

// NextEvents returns the next response that is no progress response; the test ends when it has no
// events.
func (s *Stream) NextEvents() *pb.WatchResponse {
	s.t.Helper()
	for {
		response := s.Next()
		if len(response.Events) > 0 {
			return response
		}
		if !IsProgress(response) {
			s.t.Fatalf("expected events, got %v", response)
		}
	}
}

// Events returns the next count events, which may come in several responses.
func (s *Stream) Events(count int) []*mvccpb.Event {
	s.t.Helper()
	events := []*mvccpb.Event{}
	for len(events) < count {
		events = append(events, s.NextEvents().Events...)
	}
	if len(events) != count {
		s.t.Fatalf("got %d events, want %d", len(events), count)
	}
	return events
}

// NextProgress returns the next response, skipping none, and ends the test when it is no progress
// response.
func (s *Stream) NextProgress() *pb.WatchResponse {
	s.t.Helper()
	response := s.Next()
	if !IsProgress(response) {
		s.t.Fatalf("expected a progress response, got %v", response)
	}
	return response
}

// IsProgress tells a progress response: no events, neither created nor canceled.
func IsProgress(response *pb.WatchResponse) bool {
	return len(response.Events) == 0 && !response.Created && !response.Canceled &&
		response.CompactRevision == 0
}
