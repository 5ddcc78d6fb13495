package check

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
)

const mutationSeeds = 6

// mutation makes a right history wrong; it tells whether it found a place to do so.
type mutation struct {
	name   string
	change func(h *history.History, random *rand.Rand) bool
	// want is in the report.
	want string
}

func TestMutationsAreFound(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(readMutations, eventMutations, selectorMutations,
		controlMutations) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			changed := 0
			for seed := range uint64(mutationSeeds) {
				h := simulate(seed, 1000)
				if !m.change(h, rand.New(rand.NewPCG(seed, 7))) {
					continue
				}
				changed++
				err := History(h, fewWindows()).Err()
				if err == nil {
					t.Errorf("seed %d: not found", seed)
				} else if !strings.Contains(err.Error(), m.want) {
					t.Errorf("seed %d: %v\nwhich does not tell %q", seed, err, m.want)
				}
			}
			if changed < mutationSeeds/2 {
				t.Errorf("only %d of %d histories could be changed", changed, mutationSeeds)
			}
		})
	}
}

var readMutations = []mutation{
	{"a stale read", func(h *history.History, random *rand.Rand) bool {
		o := pick(random, h.Operations[:len(h.Operations)/2], isFreshRead)
		if o == nil {
			return false
		}
		last := h.Operations[len(h.Operations)-1]
		o.Call, o.Return = last.Call+time.Second, last.Call+2*time.Second
		return true
	}, "had been seen before the call"},
	{"a read of what nobody wrote", func(h *history.History, random *rand.Rand) bool {
		o := pick(random, h.Operations, func(o *history.Operation) bool {
			reply, is := o.Reply.(*pb.RangeResponse)
			return is && len(reply.Kvs) > 0 && isFreshRead(o)
		})
		if o == nil {
			return false
		}
		kvs := o.Reply.(*pb.RangeResponse).Kvs
		kvs[random.IntN(len(kvs))].Value = []byte("never written")
		return true
	}, "has a wrong answer"},
	{"a list without one key", func(h *history.History, random *rand.Rand) bool {
		o := pick(random, h.Operations, func(o *history.Operation) bool {
			reply, is := o.Reply.(*pb.RangeResponse)
			return is && len(reply.Kvs) > 1 && !mayBeStale(o)
		})
		if o == nil {
			return false
		}
		reply := o.Reply.(*pb.RangeResponse)
		at := random.IntN(len(reply.Kvs))
		reply.Kvs = slices.Delete(reply.Kvs, at, at+1)
		return true
	}, "has a wrong answer"},
	{"a revision that went back", func(h *history.History, random *rand.Rand) bool {
		o := pick(random, h.Operations[len(h.Operations)/2:], isFreshRead)
		if o == nil {
			return false
		}
		o.Reply.(*pb.RangeResponse).Header.Revision -= 100
		return true
	}, "had been seen before the call"},
	{"an answer for a request that was never done", func(h *history.History, _ *rand.Rand) bool {
		h.Operations = append(h.Operations, &history.Operation{
			Request: &pb.PutRequest{Key: []byte("k"), Value: []byte("v")},
			Reply:   &pb.PutResponse{Header: &pb.ResponseHeader{Revision: h.Final + 1}},
		})
		h.Operations[len(h.Operations)-1].Call = h.Operations[0].Call
		h.Operations[len(h.Operations)-1].Return = h.Operations[0].Return
		return true
	}, "had been seen before the call"},
	{"an error without a cause", func(h *history.History, random *rand.Rand) bool {
		o := pick(random, h.Operations, func(o *history.Operation) bool {
			return o.Failure != nil && len(askedRevisions(o.Request, nil)) == 1 &&
				o.Failure.Text == (reference.Empty().Apply(&pb.RangeRequest{
					Revision: 9,
				})).Failure.Text
		})
		if o == nil {
			return false
		}
		o.Request = &pb.RangeRequest{Key: []byte("k"), Revision: 2}
		return true
	}, "has no cause"},
}

var eventMutations = []mutation{
	{"an event is missing", changeEvents(1, func(r *pb.WatchResponse, i int) {
		r.Events = slices.Delete(r.Events, i, i+1)
	}), "stream"},
	{"an event comes twice", changeEvents(1, func(r *pb.WatchResponse, i int) {
		r.Events = slices.Insert(r.Events, i, r.Events[i])
	}), "has the event"},
	{"two events are swapped", changeEvents(2, func(r *pb.WatchResponse, i int) {
		other := (i + 1) % len(r.Events)
		r.Events[i], r.Events[other] = r.Events[other], r.Events[i]
	}), "stream"},
	{"an event has another value", changeEvents(1, func(r *pb.WatchResponse, i int) {
		r.Events[i].Kv.Version += 7
	}), "stream"},
	{"a previous value is wrong", changeEvents(1, func(r *pb.WatchResponse, i int) {
		r.Events[i].PrevKv = &mvccpb.KeyValue{Key: r.Events[i].Kv.Key, Value: []byte("wrong")}
	}), "wrong previous value"},
	{"an event is left out of the log and of the watch", dropResponse, "stream"},
	{"a revision is split over two responses", splitRevision, "whole of its last revision"},
	{"an event of another range", changeEvents(1, func(r *pb.WatchResponse, i int) {
		r.Events[i].Kv.Key = []byte("/nowhere")
	}), "stream"},
}

var controlMutations = []mutation{
	{"progress before the events", earlyProgress, "is too early"},
	{"progress at revision 0", changeProgress(func(r *pb.WatchResponse) {
		r.Header.Revision = 0
	}), "progress without a revision"},
	{"progress goes back", changeProgress(func(r *pb.WatchResponse) {
		r.Header.Revision = 1
	}), "goes back"},
	{"progress of a revision that never was", changeProgress(func(r *pb.WatchResponse) {
		r.Header.Revision += 100
	}), ""},
	{"a watch ends without a reason", insert(func(r *pb.WatchResponse) *pb.WatchResponse {
		return &pb.WatchResponse{Header: r.Header, WatchId: r.WatchId, Canceled: true}
	}), "nobody canceled"},
	{"a watch ends by a compaction that never was",
		insert(func(r *pb.WatchResponse) *pb.WatchResponse {
			return &pb.WatchResponse{
				Header: r.Header, WatchId: r.WatchId, Canceled: true, CompactRevision: 1 << 40,
			}
		}), "names a compaction"},
	{"events for a watch that was not created", insert(func(r *pb.WatchResponse) *pb.WatchResponse {
		copied := proto.Clone(r).(*pb.WatchResponse)
		copied.WatchId = 77
		return copied
	}), "does not exist"},
	{"progress that nobody asked for", insert(func(r *pb.WatchResponse) *pb.WatchResponse {
		return &pb.WatchResponse{Header: &pb.ResponseHeader{Revision: 1}, WatchId: -1}
	}), "nobody asked for"},
	{"a watch does not get to the end", truncate, "came only to revision"},
}

func isFreshRead(o *history.Operation) bool {
	request, is := o.Request.(*pb.RangeRequest)
	return is && o.Reply != nil && request.Revision == 0 && !request.Serializable
}

// pick is a random one of those that fit, nil when there is none.
func pick[T any](random *rand.Rand, from []*T, fits func(*T) bool) *T {
	found := slices.DeleteFunc(slices.Clone(from), func(one *T) bool { return !fits(one) })
	if len(found) == 0 {
		return nil
	}
	return found[random.IntN(len(found))]
}

// place is a response in a stream.
type place struct {
	stream *history.Stream
	at     int
}

func (p *place) response() *pb.WatchResponse { return p.stream.Entries[p.at].Received }

// responses are the places of those that fit, in streams that do not decide about doubts.
func responses(h *history.History, fits func(*pb.WatchResponse) bool) []*place {
	found := []*place{}
	for _, stream := range h.Streams {
		if first := stream.Entries[0].Sent.GetCreateRequest(); isWhole(first) {
			continue
		}
		for i, entry := range stream.Entries {
			if entry.Received != nil && fits(entry.Received) {
				found = append(found, &place{stream, i})
			}
		}
	}
	return found
}

func changeEvents(least int, change func(r *pb.WatchResponse, i int)) func(
	h *history.History, random *rand.Rand,
) bool {
	return func(h *history.History, random *rand.Rand) bool {
		found := responses(h, func(r *pb.WatchResponse) bool { return len(r.Events) > least })
		if len(found) == 0 {
			return false
		}
		r := found[random.IntN(len(found))].response()
		change(r, random.IntN(len(r.Events)-least))
		return true
	}
}

func changeProgress(change func(r *pb.WatchResponse)) func(*history.History, *rand.Rand) bool {
	return func(h *history.History, random *rand.Rand) bool {
		found := responses(h, func(r *pb.WatchResponse) bool {
			return len(r.Events) == 0 && !r.Created && !r.Canceled
		})
		found = slices.DeleteFunc(found, func(p *place) bool {
			return !slices.ContainsFunc(p.stream.Entries[:p.at], func(e history.Entry) bool {
				return len(e.Received.GetEvents()) > 0 && e.Received.WatchId == p.response().WatchId
			})
		})
		if len(found) == 0 {
			return false
		}
		change(found[random.IntN(len(found))].response())
		return true
	}
}

// insert puts a response before one with events, which its watch then still has to come.
func insert(make func(r *pb.WatchResponse) *pb.WatchResponse) func(
	h *history.History, random *rand.Rand,
) bool {
	return func(h *history.History, random *rand.Rand) bool {
		found := responses(h, func(r *pb.WatchResponse) bool { return len(r.Events) > 0 })
		if len(found) == 0 {
			return false
		}
		p := found[random.IntN(len(found))]
		entry := history.Entry{At: p.stream.Entries[p.at].At, Received: make(p.response())}
		p.stream.Entries = slices.Insert(p.stream.Entries, p.at, entry)
		return true
	}
}

func earlyProgress(h *history.History, random *rand.Rand) bool {
	found := responses(h, func(r *pb.WatchResponse) bool { return len(r.Events) > 0 })
	if len(found) == 0 {
		return false
	}
	p := found[random.IntN(len(found))]
	revision := p.response().Events[0].Kv.ModRevision
	entry := history.Entry{At: p.stream.Entries[p.at].At, Received: &pb.WatchResponse{
		Header: &pb.ResponseHeader{Revision: revision}, WatchId: -1,
	}}
	asked := history.Entry{At: entry.At, Sent: &pb.WatchRequest{
		RequestUnion: &pb.WatchRequest_ProgressRequest{
			ProgressRequest: &pb.WatchProgressRequest{},
		},
	}}
	p.stream.Entries = slices.Insert(p.stream.Entries, p.at, asked, entry)
	return true
}

// dropResponse takes out a whole response whose watch goes on.
func dropResponse(h *history.History, random *rand.Rand) bool {
	found := responses(h, func(r *pb.WatchResponse) bool { return len(r.Events) > 0 })
	found = slices.DeleteFunc(found, func(p *place) bool {
		return !slices.ContainsFunc(p.stream.Entries[p.at+1:], func(e history.Entry) bool {
			return e.Received != nil && e.Received.WatchId == p.response().WatchId &&
				len(e.Received.Events) > 0
		})
	})
	if len(found) == 0 {
		return false
	}
	p := found[random.IntN(len(found))]
	p.stream.Entries = slices.Delete(p.stream.Entries, p.at, p.at+1)
	return true
}

func splitRevision(h *history.History, random *rand.Rand) bool {
	cut := func(r *pb.WatchResponse) int {
		return 1 + slices.IndexFunc(r.Events[:max(1, len(r.Events)-1)], func(e *mvccpb.Event) bool {
			i := slices.Index(r.Events, e)
			return i+1 < len(r.Events) && r.Events[i+1].Kv.ModRevision == e.Kv.ModRevision
		})
	}
	found := responses(h, func(r *pb.WatchResponse) bool {
		return len(r.Events) > 1 && cut(r) > 0 && !r.Fragment
	})
	if len(found) == 0 {
		return false
	}
	p := found[random.IntN(len(found))]
	first := proto.Clone(p.response()).(*pb.WatchResponse)
	at := cut(first)
	second := proto.Clone(first).(*pb.WatchResponse)
	first.Events, second.Events = first.Events[:at], second.Events[at:]
	entry := p.stream.Entries[p.at]
	p.stream.Entries[p.at].Received = first
	entry.Received = second
	p.stream.Entries = slices.Insert(p.stream.Entries, p.at+1, entry)
	return true
}

// truncate takes away the end of a stream that was read to the end.
func truncate(h *history.History, _ *rand.Rand) bool {
	for _, stream := range h.Streams {
		first := stream.Entries[0].Sent.GetCreateRequest()
		canceled := slices.ContainsFunc(stream.Entries, func(e history.Entry) bool {
			return e.Received.GetCanceled()
		})
		if stream.Drained && !isWhole(first) && !canceled {
			stream.Entries = slices.DeleteFunc(stream.Entries, func(e history.Entry) bool {
				return e.Received != nil && !e.Received.Created
			})
			return true
		}
	}
	return false
}
