package check

import (
	"math/rand/v2"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/history"
	"kubase/tests/etcd/internal/reference"
)

// Faults of a server from which everything else follows rightly: only the whole history shows them.
func TestSabotageIsFound(t *testing.T) {
	t.Parallel()
	for name, sabotage := range sabotages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(mutationSeeds) {
				s := newSimulation(seed)
				s.sabotage = sabotage
				h := s.run(1000)
				if s.sabotage != nil {
					t.Errorf("seed %d: no request to sabotage", seed)
				}
				if History(h, fewWindows()).Err() == nil {
					t.Errorf("seed %d: not found", seed)
				}
			}
		})
	}
}

type saboteur = func(s *simulation, request proto.Message) *reference.Outcome

var sabotages = map[string]saboteur{
	"an acknowledged write is lost": func(s *simulation, request proto.Message) *reference.Outcome {
		outcome := s.state.Apply(request)
		if outcome.State.Revision == s.state.Revision {
			return nil
		}
		outcome.State, outcome.Events = s.state, nil
		return &outcome
	},
	"a write happens twice": func(s *simulation, request proto.Message) *reference.Outcome {
		first := s.state.Apply(request)
		if _, put := request.(*pb.PutRequest); !put || first.Failure != nil {
			return nil
		}
		second := first.State.Apply(request)
		second.Events = slices.Concat(first.Events, second.Events)
		return &second
	},
	"half of a transaction": func(s *simulation, request proto.Message) *reference.Outcome {
		txn, is := request.(*pb.TxnRequest)
		if !is || len(txn.Success) < 2 {
			return nil
		}
		whole := s.state.Apply(request)
		if len(whole.Events) < 2 {
			return nil
		}
		kv := whole.Events[0].Kv
		half := s.state.Apply(&pb.PutRequest{Key: kv.Key, Value: kv.Value})
		half.Reply = whole.Reply
		return &half
	},
	"a read of the past": func(s *simulation, request proto.Message) *reference.Outcome {
		if read, is := request.(*pb.RangeRequest); !is || read.Revision != 0 || read.Serializable {
			return nil
		}
		past := s.state.At(s.state.Revision - 20).Apply(request)
		if now := s.state.Apply(request); samePairs(past.Reply, now.Reply) {
			return nil
		}
		past.Reply.(*pb.RangeResponse).Header.Revision = s.state.Revision
		past.State = s.state
		return &past
	},
	"a list without its selector": func(s *simulation, request proto.Message) *reference.Outcome {
		read, is := request.(*pb.RangeRequest)
		right := s.state.Apply(request)
		if !is || right.Failure != nil {
			return nil
		}
		wrong := s.state.Apply(unselecting(read))
		if samePairs(wrong.Reply, right.Reply) {
			return nil
		}
		return &wrong
	},
	"a condition that did not hold": func(s *simulation, request proto.Message) *reference.Outcome {
		txn, is := request.(*pb.TxnRequest)
		outcome := s.state.Apply(request)
		if !is || outcome.Failure != nil || outcome.Reply.(*pb.TxnResponse).Succeeded {
			return nil
		}
		wrong := s.state.Apply(&pb.TxnRequest{Success: txn.Success})
		if wrong.Failure != nil {
			return nil
		}
		return &wrong
	},
}

func samePairs(a, b proto.Message) bool {
	return slices.EqualFunc(a.(*pb.RangeResponse).Kvs, b.(*pb.RangeResponse).Kvs,
		func(a, b *mvccpb.KeyValue) bool { return proto.Equal(a, b) })
}

// The search for an order has to find by itself what the replay would find first.
func TestWindowsFindWrongReads(t *testing.T) {
	t.Parallel()
	for _, m := range readMutations[:3] {
		for seed := range uint64(mutationSeeds) {
			h := simulate(seed, 1000)
			r := newReplay(h, &faults{})
			r.run()
			if !m.change(h, rand.New(rand.NewPCG(seed, 7))) {
				continue
			}
			report, found := &Report{}, &faults{}
			checkWindows(h, r.log, newTimeline(&history.History{}, nil), options(), report, found)
			if len(found.list) == 0 || report.Undecided > 0 || report.Windows == 0 {
				t.Errorf("%s, seed %d: %d faults, %v", m.name, seed, len(found.list), report)
			}
		}
	}
}
