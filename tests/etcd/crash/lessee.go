package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
)

const (
	keysOfALease = 3
	shortestTTL  = 2 // seconds; etcd grants no less
)

// lessee grants leases, attaches keys to each in one transaction, and revokes every second one. The
// others expire, which nobody acknowledges: only their events tell.
type lessee struct {
	random *rand.Rand
	log    *model.Log
	next   int64
	// attached has the deletes that the end of each lease brings, from the acknowledgement of its
	// keys to that of their end.
	attached map[int64][]model.Change
	// ended are the leases whose keys were deleted, each with its lease.
	ended map[int64]bool
	// doubtful is the change under way when the server was killed; it belongs to doubtfulLease.
	doubtful      []model.Change
	doubtfulLease int64
}

func newLessee(seed uint64, log *model.Log) *lessee {
	return &lessee{
		random: rand.New(rand.NewPCG(seed, 77)), log: log, attached: map[int64][]model.Change{},
		ended: map[int64]bool{},
	}
}

func (l *lessee) run(ctx context.Context, c *server.Client, ending func() bool) error {
	for !ending() {
		l.next++
		if err := l.lease(ctx, c, l.next); err != nil {
			return err
		}
		rest(ctx, time.Duration(l.random.IntN(30))*time.Millisecond)
	}
	return nil
}

// lease is the life of one lease. A server that was stopped for long may end it at any step.
func (l *lessee) lease(ctx context.Context, c *server.Client, id int64) error {
	_, err := c.Lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: id, TTL: shortestTTL})
	if err != nil {
		return err
	}
	puts, deletes := []model.Change{}, []model.Change{}
	for i := range keysOfALease {
		key := fmt.Sprintf("/lease/%06d/%d", id, i)
		puts = append(puts, model.Change{Key: key, Value: "v", Lease: id})
		deletes = append(deletes, model.Change{Key: key, Delete: true})
	}
	l.doubtful, l.doubtfulLease = puts, id
	revision, err := send(ctx, c.KV, puts)
	if err != nil {
		return l.unlessExpired(err)
	}
	l.doubtful, l.attached[id] = nil, deletes
	if err := l.log.Add(revision, puts...); err != nil || id%2 == 0 {
		return err
	}
	l.doubtful = deletes
	response, err := c.Lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: id})
	if err != nil {
		return l.unlessExpired(err)
	}
	l.end(id)
	return l.log.Add(response.Header.Revision, deletes...)
}

func (l *lessee) end(id int64) {
	if id == l.doubtfulLease {
		l.doubtful = nil
	}
	delete(l.attached, id)
	l.ended[id] = true
}

func (l *lessee) unlessExpired(err error) error {
	if status.Convert(err).Message() != expect.LeaseNotFound.Text {
		return err
	}
	l.doubtful = nil
	return nil
}

// resolve takes the events of an unknown revision for the doubtful change, or for the end of a
// lease, if they are exactly that.
func (l *lessee) resolve(revision int64, events []*mvccpb.Event) (bool, error) {
	changes := changesOf(events)
	for id, deletes := range l.attached {
		if slices.Equal(changes, deletes) {
			l.end(id)
			return true, l.log.Add(revision, changes...)
		}
	}
	if l.doubtful == nil || !slices.Equal(changes, l.doubtful) {
		return false, nil
	}
	l.doubtful, l.attached[l.doubtfulLease] = nil, []model.Change{}
	for _, change := range changes {
		l.attached[l.doubtfulLease] = append(l.attached[l.doubtfulLease],
			model.Change{Key: change.Key, Delete: true})
	}
	return true, l.log.Add(revision, changes...)
}

func (l *lessee) inDoubt() bool { return l.doubtful != nil }

func (l *lessee) forget() { l.doubtful = nil }

// check compares the leases that exist with the keys of a state that was read between the two lists
// of leases: a lease that was gone before has no keys, and one that is there afterwards has all.
func (l *lessee) check(before, after map[int64]bool, state model.State) error {
	for id, deletes := range l.attached {
		if !before[id] {
			return fmt.Errorf("lease %d is gone, and its keys are there: %v", id, deletes)
		}
	}
	for id := range after {
		if l.ended[id] {
			return fmt.Errorf("lease %d is there, and its keys were deleted with it", id)
		}
		for _, change := range l.attached[id] {
			if state[change.Key] == nil {
				return fmt.Errorf("lease %d is there, and its key %s is gone", id, change.Key)
			}
		}
	}
	return nil
}
