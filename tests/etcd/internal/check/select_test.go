package check

import (
	"math/rand/v2"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/labels"
	"kubase/tests/etcd/internal/model"
)

var selectorMutations = []mutation{
	{"a list that counts what its selector left out",
		func(h *history.History, random *rand.Rand) bool {
			o := pick(random, h.Operations, func(o *history.Operation) bool {
				reply, is := o.Reply.(*pb.RangeResponse)
				return is && reply.More && labels.SelectorOf(o.Request) != "" && !mayBeStale(o)
			})
			if o == nil {
				return false
			}
			o.Reply.(*pb.RangeResponse).Count += 5
			return true
		}, "has a wrong answer"},
	{"an event that enters a selection is missing",
		dropSelected(func(selector string, event *mvccpb.Event) bool {
			return !labels.Matches(selector, event.PrevKv.Value)
		}), "stream"},
	{"an event that leaves a selection is missing",
		dropSelected(func(selector string, event *mvccpb.Event) bool {
			return !labels.Matches(selector, event.Kv.Value)
		}), "stream"},
	{"a change that was not selected", insertUnselected(func(event *mvccpb.Event) bool {
		return event.PrevKv != nil
	}), "has the event"},
	{"a creation that was not selected", insertUnselected(func(event *mvccpb.Event) bool {
		return event.PrevKv == nil
	}), "has the event"},
}

// gap is a place between two events of a response, of a watch with a selector.
type gap struct {
	request  *pb.WatchCreateRequest
	response *pb.WatchResponse
	after    int
}

func gapsOf(h *history.History) []gap {
	gaps := []gap{}
	for _, stream := range h.Streams {
		requests := []*pb.WatchCreateRequest{} // their ids count from 0
		for _, entry := range stream.Entries {
			if create := entry.Sent.GetCreateRequest(); create != nil {
				requests = append(requests, create)
				continue
			}
			for i := range max(0, len(entry.Received.GetEvents())-1) {
				request := requests[entry.Received.WatchId]
				if labels.SelectorOf(request) != "" {
					gaps = append(gaps, gap{request, entry.Received, i})
				}
			}
		}
	}
	return gaps
}

// dropSelected leaves out an event with a previous value and a later one behind it.
func dropSelected(fits func(selector string, event *mvccpb.Event) bool) func(
	h *history.History, random *rand.Rand,
) bool {
	return func(h *history.History, random *rand.Rand) bool {
		gaps := slices.DeleteFunc(gapsOf(h), func(g gap) bool {
			event := g.response.Events[g.after]
			return event.PrevKv == nil || !fits(labels.SelectorOf(g.request), event)
		})
		if len(gaps) == 0 {
			return false
		}
		g := gaps[random.IntN(len(gaps))]
		g.response.Events = slices.Delete(g.response.Events, g.after, g.after+1)
		return true
	}
}

// insertUnselected delivers an event of the range that a selector does not select, at its place.
func insertUnselected(fits func(event *mvccpb.Event) bool) func(
	h *history.History, random *rand.Rand,
) bool {
	return func(h *history.History, random *rand.Rand) bool {
		r := newReplay(h, &faults{})
		r.run()
		gaps := gapsOf(h)
		random.Shuffle(len(gaps), func(i, j int) { gaps[i], gaps[j] = gaps[j], gaps[i] })
		for _, g := range gaps {
			events := g.response.Events
			from := r.log.from(events[g.after].Kv.ModRevision + 1)
			to := r.log.from(events[g.after+1].Kv.ModRevision)
			for _, event := range r.log.events[from:max(from, to)] {
				if fits(event) && model.Matches(unselecting(g.request), event) &&
					!model.Matches(g.request, event) {
					g.response.Events = slices.Insert(events, g.after+1,
						proto.Clone(event).(*mvccpb.Event))
					return true
				}
			}
		}
		return false
	}
}

func unselecting[M proto.Message](request M) M {
	copied := proto.Clone(request).(M)
	copied.ProtoReflect().SetUnknown(nil)
	return copied
}

// Watches of a server that decides wrongly which events a selector selects.
func TestWrongSelectionsAreFound(t *testing.T) {
	t.Parallel()
	for name, matches := range wrongSelections {
		for seed := range uint64(mutationSeeds) {
			s := newSimulation(seed)
			s.matches = matches
			if History(s.run(1000), fewWindows()).Err() == nil {
				t.Errorf("%s, seed %d: not found", name, seed)
			}
		}
	}
}

var wrongSelections = map[string]func(*pb.WatchCreateRequest, *mvccpb.Event) bool{
	"all events": func(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
		return model.Matches(unselecting(request), event)
	},
	"the new value alone": func(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
		return model.Matches(request, &mvccpb.Event{Type: event.Type, Kv: event.Kv})
	},
	"the old value alone": func(request *pb.WatchCreateRequest, event *mvccpb.Event) bool {
		selector := labels.SelectorOf(request)
		return model.Matches(request, event) && (selector == "" ||
			event.PrevKv != nil && labels.Matches(selector, event.PrevKv.Value))
	},
}
