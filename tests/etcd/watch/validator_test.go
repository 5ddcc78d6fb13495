package watch

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/model"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

var (
	seed    = flag.Uint64("seed", 0, "seed of the random writers and watchers; 0 takes the clock")
	writing = flag.Duration("writing", 5*time.Second, "how long the random writers write")
)

const (
	writers  = 6
	watchers = 24
	keyCount = 30
	// furthestStart is how many revisions ahead a watch may start.
	furthestStart = 100
)

// Random writers, random watches, and compaction behind them: every watch gets exactly the events
// that follow from what was acknowledged.
func TestRandomWritersAndWatches(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with -run TestRandomWritersAndWatches -args -seed=%d -writing=%v", *seed,
		*writing)
	s := server.Start(t)
	log := model.NewLog()
	ctx, stop := context.WithTimeout(context.Background(), *writing)
	defer stop()

	var writerGroup, watcherGroup sync.WaitGroup
	for i := range writers {
		w := &writer{
			t:      t,
			c:      s.Client(t),
			log:    log,
			random: rand.New(rand.NewPCG(*seed, uint64(i))),
		}
		writerGroup.Go(func() { w.run(ctx) })
	}
	observers := []*observer{}
	for i := range watchers {
		o := &observer{t: t, s: s, log: log, random: rand.New(rand.NewPCG(*seed, uint64(1000+i)))}
		observers = append(observers, o)
		watcherGroup.Go(func() { o.run(ctx) })
	}
	compactBehind(ctx, t, s.Client(t))
	writerGroup.Wait()
	end := writeEnd(t, s.Client(t), log)
	watcherGroup.Wait()

	events, state, err := log.Replay()
	expect.OK(t, err)
	expect.Equal(t, "final state",
		s.Client(t).Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Kvs,
		state.Sorted())
	checked := 0
	for i, o := range observers {
		for _, watch := range o.finished {
			err := model.CheckWatch(watch.request, watch.first, watch.last, watch.responses, events)
			if err != nil {
				t.Errorf("watcher %d, %v: %v", i, watch.request, err)
			}
			checked++
		}
	}
	t.Logf("%d revisions, %d events, %d watches", end-1, len(events), checked)
}

// writeEnd writes as much as the watches that start in the future need to begin.
func writeEnd(t *testing.T, c *server.Client, log *model.Log) int64 {
	t.Helper()
	revision := int64(0)
	for i := range furthestStart {
		key := fmt.Sprintf("/end/%d", i)
		revision = c.Put(key, "end").Header.Revision
		expect.OK(t, log.Add(revision, model.Change{Key: key, Value: "end"}))
	}
	return revision
}

// compactBehind compacts to well below the current revision, so that no watch that keeps up is cut
// off.
func compactBehind(ctx context.Context, t *testing.T, c *server.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
		response, err := c.KV.Range(server.Context(t), &pb.RangeRequest{Key: []byte("/")})
		if err != nil {
			t.Errorf("read the revision: %v", err)
			return
		}
		revision := response.Header.Revision - 2000
		if revision < 1 {
			continue
		}
		_, err = c.KV.Compact(server.Context(t), &pb.CompactionRequest{Revision: revision})
		if err != nil && status.Convert(err).Message() != expect.Compacted.Text {
			t.Errorf("compact: %v", err)
			return
		}
	}
}

type writer struct {
	t      *testing.T
	c      *server.Client
	log    *model.Log
	random *rand.Rand
	count  int
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil && !w.t.Failed() {
		if err := w.step(); err != nil {
			w.t.Errorf("writer: %v", err)
			return
		}
	}
}

func (w *writer) key() string { return fmt.Sprintf("/k/%02d", w.random.IntN(keyCount)) }

func (w *writer) value() string {
	w.count++
	return fmt.Sprintf("%d-%d", w.random.Uint32(), w.count)
}

// step does one random change and notes what the server acknowledged.
func (w *writer) step() error {
	ctx := server.Context(w.t)
	switch choice := w.random.IntN(10); {
	case choice < 5:
		key, value := w.key(), w.value()
		response, err := w.c.KV.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
		if err != nil {
			return err
		}
		return w.log.Add(response.Header.Revision, model.Change{Key: key, Value: value})
	case choice < 8:
		request := &pb.DeleteRangeRequest{Key: []byte(w.key()), PrevKv: true}
		if w.random.IntN(4) == 0 {
			request.RangeEnd = []byte(w.key())
		}
		response, err := w.c.KV.DeleteRange(ctx, request)
		if err != nil || response.Deleted == 0 {
			return err
		}
		return w.log.Add(response.Header.Revision, deletions(response)...)
	default:
		return w.transaction(ctx)
	}
}

// transaction puts some keys and deletes others, in random order.
func (w *writer) transaction(ctx context.Context) error {
	request := &pb.TxnRequest{}
	for _, i := range w.random.Perm(keyCount)[:1+w.random.IntN(6)] {
		key := fmt.Sprintf("/k/%02d", i)
		if w.random.IntN(3) == 0 {
			request.Success = append(request.Success,
				ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte(key), PrevKv: true}))
		} else {
			request.Success = append(request.Success, ops.Put(key, w.value()))
		}
	}
	response, err := w.c.KV.Txn(ctx, request)
	if err != nil {
		return err
	}
	changes := []model.Change{}
	for i, operation := range request.Success {
		if put := operation.GetRequestPut(); put != nil {
			changes = append(changes, model.Change{Key: string(put.Key), Value: string(put.Value)})
		} else {
			changes = append(changes, deletions(response.Responses[i].GetResponseDeleteRange())...)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return w.log.Add(response.Header.Revision, changes...)
}

func deletions(response *pb.DeleteRangeResponse) []model.Change {
	changes := []model.Change{}
	for _, kv := range response.PrevKvs {
		changes = append(changes, model.Change{Key: string(kv.Key), Delete: true})
	}
	return changes
}

// observer opens one random watch after the other and keeps what it received.
type observer struct {
	t        *testing.T
	s        *server.Server
	log      *model.Log
	random   *rand.Rand
	finished []*watched
}

type watched struct {
	request     *pb.WatchCreateRequest
	first, last int64
	responses   []*pb.WatchResponse
}

// run watches some time with one watch, then with the next; the last one goes on to the end of the
// writing.
func (o *observer) run(ctx context.Context) {
	c := o.s.Client(o.t)
	for ctx.Err() == nil && !o.t.Failed() {
		watch := &watched{request: o.request()}
		length := time.Duration(300+o.random.IntN(3000)) * time.Millisecond
		if err := o.observe(ctx, c, watch, length); err != nil {
			o.t.Errorf("watch %v: %v", watch.request, err)
			return
		}
		o.finished = append(o.finished, watch)
	}
}

func (o *observer) request() *pb.WatchCreateRequest {
	request := &pb.WatchCreateRequest{
		Key: fmt.Appendf(nil, "/k/%02d", o.random.IntN(keyCount)), PrevKv: o.random.IntN(3) > 0,
		ProgressNotify: o.random.IntN(2) == 0, Fragment: o.random.IntN(2) == 0,
	}
	switch o.random.IntN(3) {
	case 0:
		request.Key, request.RangeEnd = []byte("/"), []byte{0}
	case 1:
		request.RangeEnd = fmt.Appendf(nil, "%s~", request.Key)
	}
	switch o.random.IntN(6) {
	case 0:
		request.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}
	case 1:
		request.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT}
	}
	if last := o.log.Last(); o.random.IntN(2) == 0 && last > 1 {
		// Some revisions back, where compaction does not come, or some ahead.
		request.StartRevision = max(1, last-o.random.Int64N(800)) + o.random.Int64N(furthestStart)
	}
	return request
}

// observe runs one watch for some time and then until it has received all up to some revision,
// which a progress response tells.
func (o *observer) observe(
	ctx context.Context,
	c *server.Client,
	watch *watched,
	length time.Duration,
) error {
	callCtx, cancel := context.WithCancel(server.Context(o.t))
	defer cancel()
	stream, err := watchstream.Ask(callCtx, c.Watch, watch.request)
	if err != nil {
		return err
	}
	created, err := stream.Recv()
	if err != nil || !created.Created || created.Canceled {
		return fmt.Errorf("not created: %v, %w", created, err)
	}
	go askForProgress(callCtx, stream, length)
	started, target := time.Now(), int64(0)
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if response.Canceled {
			return fmt.Errorf("canceled: %v", response)
		}
		watch.responses = append(watch.responses, response)
		if watch.first == 0 {
			watch.first = firstRevision(watch.request, created, response)
		}
		if target == 0 && (time.Since(started) > length || ctx.Err() != nil) {
			target = max(o.log.Last(), watch.first)
		}
		if target > 0 && watchstream.IsProgress(response) && response.Header.Revision >= target {
			watch.last = response.Header.Revision
			return nil
		}
	}
}

// firstRevision is the revision from which on a watch gets events. Without a start it begins when
// the server registers it, which can be a little before the revision that the answer tells.
func firstRevision(request *pb.WatchCreateRequest, created, first *pb.WatchResponse) int64 {
	if request.StartRevision > 0 {
		return request.StartRevision
	}
	revision := created.Header.Revision + 1
	if len(first.Events) > 0 {
		revision = min(revision, first.Events[0].Kv.ModRevision)
	}
	return revision
}

// askForProgress asks again and again, so that progress is told at any time between the events.
func askForProgress(ctx context.Context, stream pb.Watch_WatchClient, length time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(length/10, 50*time.Millisecond)):
		}
		request := &pb.WatchRequest{
			RequestUnion: &pb.WatchRequest_ProgressRequest{
				ProgressRequest: &pb.WatchProgressRequest{},
			},
		}
		if stream.Send(request) != nil {
			return
		}
	}
}
