package crash

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/server"
)

// survivor puts a new key again and again, and goes on when it is refused.
type survivor struct {
	log   *model.Log
	count int
	// doubtful are the puts that were refused; some may have happened.
	doubtful [][]model.Change
	// errors are how often each text was the answer.
	errors map[string]int
	// succeeded counts puts.
	succeeded atomic.Int64
}

func newSurvivor(log *model.Log) *survivor {
	return &survivor{log: log, errors: map[string]int{}}
}

func (s *survivor) run(ctx context.Context, c *server.Client, ending func() bool) error {
	for !ending() {
		s.count++
		changes := []model.Change{{Key: fmt.Sprintf("/survivor/%06d", s.count), Value: "v"}}
		revision, err := send(ctx, c.KV, changes)
		if err != nil {
			s.errors[err.Error()]++
			if err := s.refused(err, changes); err != nil {
				return err
			}
			rest(ctx, 5*time.Millisecond)
			continue
		}
		if err := s.log.Add(revision, changes...); err != nil {
			return err
		}
		s.succeeded.Add(1)
	}
	return nil
}

// refused notes a put that may have happened nevertheless: one for which there was no room has not.
func (s *survivor) refused(err error, changes []model.Change) error {
	if status.Code(err) != codes.ResourceExhausted {
		s.doubtful = append(s.doubtful, changes)
	}
	if mayRefuse(err) {
		return nil
	}
	return err
}

func (s *survivor) resolve(revision int64, events []*mvccpb.Event) (bool, error) {
	changes := changesOf(events)
	for i, doubtful := range s.doubtful {
		if slices.Equal(changes, doubtful) {
			s.doubtful = slices.Delete(s.doubtful, i, i+1)
			return true, s.log.Add(revision, changes...)
		}
	}
	return false, nil
}

func (s *survivor) inDoubt() bool { return len(s.doubtful) > 0 }

func (s *survivor) forget() { s.doubtful = nil }
