package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
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
	// choose makes the next change; pause is what the writer waits after each.
	choose func() []model.Change
	pause  time.Duration
	// doubtful is the change that was under way when the server was killed, or nothing.
	doubtful []model.Change
}

func newWriter(number int, seed uint64, log *model.Log) *writer {
	w := &writer{
		name: fmt.Sprintf("/w%02d/", number), random: rand.New(rand.NewPCG(seed, uint64(number))),
		log: log, live: map[string]bool{},
	}
	w.choose = w.chooseSmall
	return w
}

// newBallast makes a writer of a few megabytes that it deletes again, so that compaction leaves
// more free pages than are kept.
func newBallast(seed uint64, log *model.Log) *writer {
	w := newWriter(99, seed, log)
	w.name, w.choose, w.pause = "/ballast/", w.chooseBallast, 60*time.Millisecond
	return w
}

// run writes until a call fails, and returns its error, or until it has to end. What the failed
// call asked for is in doubtful then.
func (w *writer) run(ctx context.Context, c *server.Client, ending func() bool) error {
	for !ending() {
		changes := w.choose()
		revision, err := send(ctx, c.KV, changes)
		if err != nil {
			w.doubtful = shortened(changes)
			return err
		}
		if err := w.acknowledge(revision, shortened(changes)); err != nil {
			return err
		}
		rest(ctx, w.pause)
	}
	return nil
}

// chooseSmall makes a random change of one to four keys; a key is deleted only when it lives.
func (w *writer) chooseSmall() []model.Change {
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

const (
	ballastKeys  = 6
	ballastBytes = 1 << 20
)

// chooseBallast puts the keys one after the other, and then deletes them all at once.
func (w *writer) chooseBallast() []model.Change {
	changes := []model.Change{}
	for i := range ballastKeys {
		key := fmt.Sprintf("%s%d", w.name, i)
		if !w.live[key] {
			w.count++
			value := fmt.Sprintf("%s#%d ", w.name, w.count)
			return []model.Change{{Key: key, Value: value + strings.Repeat("v", ballastBytes)}}
		}
		changes = append(changes, model.Change{Key: key, Delete: true})
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
				request.Success = append(request.Success, ops.PutRequest(put(change)))
			}
		}
		response, err := kv.Txn(ctx, request)
		return response.GetHeader().GetRevision(), err
	}
	if changes[0].Delete {
		response, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(changes[0].Key)})
		return response.GetHeader().GetRevision(), err
	}
	response, err := kv.Put(ctx, put(changes[0]))
	return response.GetHeader().GetRevision(), err
}

func put(change model.Change) *pb.PutRequest {
	return &pb.PutRequest{
		Key: []byte(change.Key), Value: []byte(change.Value), Lease: change.Lease,
	}
}

// resolve decides about the doubtful change with the events of a revision that nobody was told of:
// it happened when they are exactly it.
func (w *writer) resolve(revision int64, events []*mvccpb.Event) (bool, error) {
	if w.doubtful == nil || !slices.Equal(changesOf(events), w.doubtful) {
		return false, nil
	}
	changes := w.doubtful
	w.doubtful = nil
	return true, w.acknowledge(revision, changes)
}

func (w *writer) inDoubt() bool { return w.doubtful != nil }

func (w *writer) forget() { w.doubtful = nil }

func changesOf(events []*mvccpb.Event) []model.Change {
	changes := []model.Change{}
	for _, event := range events {
		changes = append(changes, model.Change{
			Key: string(event.Kv.Key), Value: string(event.Kv.Value), Lease: event.Kv.Lease,
			Delete: event.Type == mvccpb.Event_DELETE,
		})
	}
	return changes
}
