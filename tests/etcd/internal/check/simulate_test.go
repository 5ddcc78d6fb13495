package check

import (
	"math/rand/v2"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/labels"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/reference"
	"kubase/tests/etcd/internal/traffic"
)

// simulation is a right server with its clients and watches: it makes histories without faults,
// with concurrent requests, unknown outcomes, compactions and ends of the server.
type simulation struct {
	random  *rand.Rand
	now     time.Duration
	state   *reference.State
	world   *traffic.World
	history *history.History
	clients []*simulatedClient
	streams []*simulatedStream
	events  []*mvccpb.Event
	// audited is the last revision that a watch of all keys has shown; compaction does not pass it.
	audited int64
	// matches decides about the events of a watch.
	matches func(request *pb.WatchCreateRequest, event *mvccpb.Event) bool
	// sabotage, if any, answers a request wrongly once; nil tells that it does not.
	sabotage func(s *simulation, request proto.Message) *reference.Outcome
}

// simulatedClient has at most one request on its way.
type simulatedClient struct {
	*traffic.Client
	number  int
	current *history.Operation
	done    bool
	outcome reference.Outcome
}

// simulatedStream is a stream whose watches all start at the same moment.
type simulatedStream struct {
	*history.Stream
	watches []*simulatedWatch
}

type simulatedWatch struct {
	id      int64
	request *pb.WatchCreateRequest
	next    int // index in the events
}

const simulatedClients = 8

// simulate makes a history with about this many operations.
func simulate(seed uint64, operations int) *history.History {
	return newSimulation(seed).run(operations)
}

func newSimulation(seed uint64) *simulation {
	s := &simulation{
		random: rand.New(rand.NewPCG(seed, 99)), state: reference.Empty(),
		world:   &traffic.World{LeaseTTL: 3600, LargeOneIn: 40, Selectors: true},
		history: &history.History{}, matches: model.Matches,
	}
	for i := range simulatedClients {
		s.clients = append(s.clients,
			&simulatedClient{Client: traffic.NewClient(s.world, i, seed), number: i})
	}
	s.openStream(true)
	return s
}

func (s *simulation) run(operations int) *history.History {
	for len(s.history.Operations) < operations {
		s.tick()
	}
	s.end()
	return s.history
}

// tick is one step of anybody.
func (s *simulation) tick() {
	s.now += time.Microsecond
	switch n := s.random.IntN(1000); {
	case n < 900:
		s.clientStep(s.clients[s.random.IntN(len(s.clients))])
	case n < 985:
		if len(s.streams) > 0 {
			s.streamStep(s.streams[s.random.IntN(len(s.streams))])
		}
	case n < 990:
		s.openStream(false)
	case n < 993:
		s.compact()
	case n == 993:
		s.restart()
	}
}

// clientStep calls, takes effect, or returns; a few requests stay without an answer and may take
// effect later, or never.
func (s *simulation) clientStep(c *simulatedClient) {
	switch {
	case c.current == nil:
		c.done = false
		c.current = &history.Operation{
			Client: c.number, Call: s.now, Return: history.Never, Request: c.Next(),
		}
	case !c.done:
		if s.random.IntN(100) == 0 {
			s.forget(c)
			return
		}
		armed := s.sabotage != nil
		c.done, c.outcome = true, s.apply(c.current.Request)
		if armed && s.sabotage == nil {
			s.reply(c) // a wrong answer that is lost can be right
		}
	case s.random.IntN(100) == 0:
		s.forget(c)
	default:
		s.reply(c)
	}
}

func (s *simulation) reply(c *simulatedClient) {
	c.current.Reply, c.current.Failure = c.outcome.Reply, c.outcome.Failure
	c.current.Return = s.now
	s.history.Operations = append(s.history.Operations, c.current)
	if c.outcome.Reply != nil {
		c.Learn(c.current.Request, c.outcome.Reply)
	}
	c.current = nil
}

func (s *simulation) apply(request proto.Message) reference.Outcome {
	outcome := s.state.Apply(request)
	if s.sabotage != nil && len(s.history.Operations) > 300 {
		if wrong := s.sabotage(s, request); wrong != nil {
			outcome, s.sabotage = *wrong, nil
		}
	}
	s.state = outcome.State
	s.events = append(s.events, outcome.Events...)
	if outcome.Reply != nil { // what is recorded is not to share memory with the log
		outcome.Reply = proto.Clone(outcome.Reply)
	}
	return outcome
}

// forget loses the connection of a client.
func (s *simulation) forget(c *simulatedClient) {
	if _, read := c.current.Request.(*pb.RangeRequest); !read {
		s.history.Operations = append(s.history.Operations, c.current)
	}
	c.current = nil
}

func (s *simulation) compact() {
	revision := s.audited - s.random.Int64N(10)
	request := &pb.CompactionRequest{Revision: revision}
	if revision <= s.state.Compacted || revision < 1 {
		return
	}
	o := &history.Operation{Client: simulatedClients, Call: s.now, Request: request}
	o.Reply = s.apply(request).Reply
	s.now += time.Microsecond
	o.Return = s.now
	s.world.Compacted.Store(revision)
	s.history.Operations = append(s.history.Operations, o)
}

// restart loses all connections; what was on its way has happened or never will.
func (s *simulation) restart() {
	s.forgetAll()
	s.streams, s.audited = nil, s.state.Compacted
	s.openStream(true)
	s.history.Ends = append(s.history.Ends, s.now)
}

func (s *simulation) forgetAll() {
	for _, c := range s.clients {
		if c.current != nil {
			s.forget(c)
		}
	}
}

// openStream opens a stream with some watches, or with the one of all keys, from the compacted
// revision on.
func (s *simulation) openStream(whole bool) {
	stream := &simulatedStream{Stream: &history.Stream{Name: s.now.String()}}
	s.history.Streams = append(s.history.Streams, stream.Stream)
	s.streams = append(s.streams, stream)
	for id := range int64(1 + s.random.IntN(3)) {
		request := &pb.WatchCreateRequest{
			Key: []byte("/registry/"), RangeEnd: []byte("/registry0"),
			StartRevision: max(1, s.state.Compacted, s.state.Revision-s.random.Int64N(50)),
			PrevKv:        s.random.IntN(4) > 0, Fragment: s.random.IntN(2) == 0,
			ProgressNotify: s.random.IntN(2) == 0,
		}
		if whole || s.random.IntN(3) == 0 {
			request.StartRevision = max(1, s.state.Compacted)
		}
		if whole {
			request.Key, request.RangeEnd = []byte{0}, []byte{0}
		} else if s.random.IntN(2) == 0 {
			labels.Select(request, labels.RandomSelector(s.random))
		}
		w := &simulatedWatch{id: id, request: request}
		w.next = slices.IndexFunc(s.events, func(event *mvccpb.Event) bool {
			return event.Kv.ModRevision >= request.StartRevision
		})
		if w.next < 0 {
			w.next = len(s.events)
		}
		stream.watches = append(stream.watches, w)
		s.send(stream, &pb.WatchRequest{
			RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request},
		})
		s.answer(stream, &pb.WatchResponse{WatchId: id, Created: true})
	}
}

func (s *simulation) send(stream *simulatedStream, request *pb.WatchRequest) {
	s.now += time.Microsecond
	stream.Entries = append(stream.Entries, history.Entry{At: s.now, Sent: request})
}

func (s *simulation) answer(stream *simulatedStream, response *pb.WatchResponse) {
	s.now += time.Microsecond
	response.Header = &pb.ResponseHeader{Revision: s.state.Revision}
	stream.Entries = append(stream.Entries,
		history.Entry{At: s.now, Received: proto.Clone(response).(*pb.WatchResponse)})
}

// streamStep brings one watch forward, tells the progress of one that is there, or cancels one that
// compaction has overtaken.
func (s *simulation) streamStep(stream *simulatedStream) {
	if len(stream.watches) == 0 {
		return
	}
	at := s.random.IntN(len(stream.watches))
	w := stream.watches[at]
	if s.overtaken(w) {
		if s.needed(stream, w) < s.state.Compacted {
			s.answer(stream, &pb.WatchResponse{
				WatchId: w.id, Canceled: true, CompactRevision: s.state.Compacted,
			})
			stream.watches = slices.Delete(stream.watches, at, at+1)
		}
		return
	}
	events := s.nextEvents(w, 1+s.random.IntN(10))
	if len(events) > 0 {
		s.deliver(stream, w, events)
	} else if w.next == len(s.events) && w.request.ProgressNotify {
		s.answer(stream, &pb.WatchResponse{WatchId: w.id})
	}
}

// overtaken tells that compaction has taken the next events of a watch.
func (s *simulation) overtaken(w *simulatedWatch) bool {
	return w.next < len(s.events) && s.events[w.next].Kv.ModRevision < s.state.Compacted
}

// needed is where the client goes on, which is before what does not match.
func (s *simulation) needed(stream *simulatedStream, w *simulatedWatch) int64 {
	needed := w.request.StartRevision
	for _, entry := range stream.Entries {
		response := entry.Received
		if response == nil || response.WatchId != w.id || response.Created {
			continue
		}
		if len(response.Events) == 0 {
			needed = max(needed, response.Header.Revision+1)
		} else {
			needed = max(needed, response.Events[len(response.Events)-1].Kv.ModRevision+1)
		}
	}
	return needed
}

// nextEvents are some matching events, whole revisions.
func (s *simulation) nextEvents(w *simulatedWatch, count int) []*mvccpb.Event {
	events := []*mvccpb.Event{}
	for ; w.next < len(s.events); w.next++ {
		event := s.events[w.next]
		if len(events) >= count &&
			event.Kv.ModRevision != events[len(events)-1].Kv.ModRevision {
			break
		}
		forgotten := event.Kv.ModRevision <= s.state.Compacted && s.random.IntN(2) == 0
		if !s.matches(w.request, event) &&
			!(forgotten && model.MatchesForgotten(w.request, event)) {
			continue
		}
		if forgotten || !w.request.PrevKv {
			event = &mvccpb.Event{Type: event.Type, Kv: event.Kv}
		}
		events = append(events, event)
	}
	return events
}

func (s *simulation) deliver(stream *simulatedStream, w *simulatedWatch, events []*mvccpb.Event) {
	if cut := len(events) / 2; w.request.Fragment && cut > 0 && s.random.IntN(2) == 0 {
		s.answer(stream, &pb.WatchResponse{WatchId: w.id, Events: events[:cut], Fragment: true})
		events = events[cut:]
	}
	s.answer(stream, &pb.WatchResponse{WatchId: w.id, Events: events})
	if isWhole(w.request) {
		s.audited = max(s.audited, events[len(events)-1].Kv.ModRevision)
	}
}

// end leaves what is on its way without an answer and brings all watches to the last revision.
func (s *simulation) end() {
	s.forgetAll()
	s.history.Final = s.state.Revision
	for _, stream := range s.streams {
		overtaken := slices.ContainsFunc(stream.watches, s.overtaken)
		for _, w := range stream.watches {
			if s.overtaken(w) {
				continue
			}
			if events := s.nextEvents(w, 1<<30); len(events) > 0 {
				s.deliver(stream, w, events)
			}
		}
		if overtaken {
			continue
		}
		s.send(stream, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{
			ProgressRequest: &pb.WatchProgressRequest{},
		}})
		s.answer(stream, &pb.WatchResponse{WatchId: -1})
		stream.Drained = true
	}
}
