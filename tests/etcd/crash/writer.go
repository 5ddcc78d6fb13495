// Package crash kills the server at random times while clients write, and checks afterwards that
// everything acknowledged is there, that what was under way happened whole or not at all, that the
// revision did not go back, and that a watch goes on from the last revision it saw without a gap.
package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/ops"
)

const keysOfAWriter = 6

// writer changes keys of its own, with values that are never used twice. Nobody else touches its
// keys, so it knows what they hold.
type writer struct {
	name   string
	random *rand.Rand
	log    *model.Log
	live   map[string]bool
	count  int
	// doubtful is the change that was under way when the server was killed, or nothing.
	doubtful []model.Change
}

func newWriter(number int, seed uint64, log *model.Log) *writer {
	return &writer{
		name: fmt.Sprintf("/w%02d/", number), random: rand.New(rand.NewPCG(seed, uint64(number))),
		log: log, live: map[string]bool{},
	}
}

// run writes until a call fails, and returns its error. What the failed call asked for is in
// doubtful then.
func (w *writer) run(ctx context.Context, kv pb.KVClient) error {
	for {
		changes := w.choose()
		revision, err := send(ctx, kv, changes)
		if err != nil {
			w.doubtful = changes
			return err
		}
		if err := w.acknowledge(revision, changes); err != nil {
			return err
		}
	}
}

// choose makes a random change of one to four keys; a key is deleted only when it lives.
func (w *writer) choose() []model.Change {
	changes := []model.Change{}
	size := 1
	if w.random.IntN(3) == 0 {
		size = 2 + w.random.IntN(3)
	}
	for _, i := range w.random.Perm(keysOfAWriter)[:size] {
		key := fmt.Sprintf("%s%d", w.name, i)
		if w.live[key] && w.random.IntN(4) == 0 {
			changes = append(changes, model.Change{Key: key, Delete: true})
			continue
		}
		w.count++
		changes = append(changes,
			model.Change{Key: key, Value: fmt.Sprintf("%s#%d", w.name, w.count)})
	}
	return changes
}

// acknowledge notes what has happened.
func (w *writer) acknowledge(revision int64, changes []model.Change) error {
	for _, change := range changes {
		w.live[change.Key] = !change.Delete
	}
	return w.log.Add(revision, changes...)
}

// send does the changes in one request: a plain put or delete when it is one, else a transaction.
func send(ctx context.Context, kv pb.KVClient, changes []model.Change) (int64, error) {
	if len(changes) > 1 {
		request := &pb.TxnRequest{}
		for _, change := range changes {
			if change.Delete {
				request.Success = append(request.Success, ops.Delete(change.Key, ""))
			} else {
				request.Success = append(request.Success, ops.Put(change.Key, change.Value))
			}
		}
		response, err := kv.Txn(ctx, request)
		return response.GetHeader().GetRevision(), err
	}
	if changes[0].Delete {
		response, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(changes[0].Key)})
		return response.GetHeader().GetRevision(), err
	}
	response, err := kv.Put(ctx,
		&pb.PutRequest{Key: []byte(changes[0].Key), Value: []byte(changes[0].Value)})
	return response.GetHeader().GetRevision(), err
}

// resolve decides about the doubtful change with the events of a revision that nobody was told of:
// it happened when they are exactly it.
func (w *writer) resolve(revision int64, events []*mvccpb.Event) (bool, error) {
	changes := []model.Change{}
	for _, event := range events {
		changes = append(changes, model.Change{
			Key: string(
				event.Kv.Key,
			), Value: string(event.Kv.Value), Delete: event.Type == mvccpb.Event_DELETE,
		})
	}
	if w.doubtful == nil || !slices.Equal(changes, w.doubtful) {
		return false, nil
	}
	w.doubtful = nil
	return true, w.acknowledge(revision, changes)
}
