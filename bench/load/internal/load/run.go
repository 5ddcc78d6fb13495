package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// worker is one of those who ask at the same time, each with one call in flight.
type worker struct {
	id      int
	workers int
	kv      pb.KVClient
	random  *rand.Rand
	value   []byte        // reused: it is on the wire when a call returns
	began   time.Time     // the operation; one that waits for its turn moves it
	took    time.Duration // if an operation says itself how long it took
	items   int64         // what was received or done, in the unit of the operation
	timings []timing
}

type timing struct {
	began time.Duration // since epoch
	took  time.Duration
}

// operation does one piece of work; n counts those of this worker.
type operation func(ctx context.Context, w *worker, n int) error

// bound says how long a measurement goes on: for a number of operations of each worker if there is
// such, until stop is closed if there is such, and never longer than the limit.
type bound struct {
	operations func(worker, workers int) int
	stop       <-chan struct{}
	limit      time.Duration
}

// inAll bounds the operations of all workers together.
func inAll(operations int) func(worker, workers int) int {
	return func(worker, workers int) int { return max(0, (operations-worker+workers-1)/workers) }
}

// callTimeout is far above what any call takes, so that a server that hangs ends the run.
const callTimeout = 60 * time.Second

// run lets a number of workers do an operation over and over, spread over the connections.
func (c *Client) run(ctx context.Context, workers int, until bound, do operation) (Sample, error) {
	crew := newCrew(workers)
	for id, w := range crew {
		w.kv = c.kv[id%len(c.kv)]
	}
	return runCrew(ctx, crew, until, do)
}

// Repeat lets a number of workers do something over and over that is not asked of the etcd API. It
// says itself how long it took each time, so that checking what came can be left out.
func Repeat(ctx context.Context, workers int, duration time.Duration,
	do func(ctx context.Context, worker, n int) (time.Duration, error)) (Sample, error) {
	return runCrew(ctx, newCrew(workers), bound{limit: duration},
		func(ctx context.Context, w *worker, n int) (err error) {
			w.took, err = do(ctx, w.id, n)
			return err
		})
}

// Each does something once for each of the numbers from first up to, and without, end.
func Each(ctx context.Context, workers, first, end int,
	do func(ctx context.Context, number int) error) (Sample, error) {
	until := bound{operations: inAll(end - first), limit: longLimit}
	return runCrew(ctx, newCrew(workers), until,
		func(ctx context.Context, w *worker, n int) error {
			return do(ctx, first+n*w.workers+w.id)
		})
}

func newCrew(workers int) []*worker {
	crew := make([]*worker, workers)
	for id := range crew {
		random := rand.New(rand.NewPCG(uint64(id), 1))
		crew[id] = &worker{
			id: id, workers: workers,
			random: random, value: newValue(random), timings: make([]timing, 0, 4096),
		}
	}
	return crew
}

func runCrew(ctx context.Context, crew []*worker, until bound, do operation) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, until.limit+callTimeout)
	defer cancel()
	failures := make(chan error, len(crew))
	began := time.Now()
	var all sync.WaitGroup
	for _, w := range crew {
		all.Go(func() {
			if err := w.work(ctx, began, until, do); err != nil {
				failures <- fmt.Errorf("worker %d: %w", w.id, err)
				cancel()
			}
		})
	}
	all.Wait()
	sample := newSample(crew, time.Since(began))
	select {
	case err := <-failures:
		return Sample{}, err
	default:
		return sample, nil
	}
}

func (w *worker) work(ctx context.Context, began time.Time, until bound, do operation) error {
	operations := -1
	if until.operations != nil {
		operations = until.operations(w.id, w.workers)
	}
	for n := 0; n != operations; n++ {
		w.began = time.Now()
		if w.began.Sub(began) >= until.limit {
			return nil
		}
		select {
		case <-until.stop: // never, when it is nil
			return nil
		default:
		}
		if err := do(ctx, w, n); err != nil {
			return err
		}
		took := w.took
		if took == 0 {
			took = time.Since(w.began)
		}
		w.timings = append(w.timings, timing{w.began.Sub(epoch), took})
	}
	return nil
}
