package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

// read asks for the current revision again and again; it never goes back.
func (r *run) read(ctx context.Context, c *server.Client) error {
	for last := int64(0); !r.ending.Load(); {
		response, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("/")})
		if err != nil {
			return err
		}
		revision := response.Header.Revision
		if revision < last {
			return fmt.Errorf("the revision went back from %d to %d", last, revision)
		}
		last = revision
		r.highest.Store(max(r.highest.Load(), revision))
	}
	return nil
}

// compact compacts what the watch has seen, so that kills hit compactions too. It leaves what was
// there at the start of the server alone until old revisions were read often enough.
func (r *run) compact(ctx context.Context, c *server.Client) error {
	for !r.ending.Load() {
		target := r.watched.Load() - 10
		if r.passes.Load() < passesBeforeCompaction || target < r.compacted.Load()+50 {
			if err := idle(ctx, c); err != nil {
				return err
			}
			continue
		}
		r.compacted.Store(target)
		_, err := c.KV.Compact(ctx, &pb.CompactionRequest{Revision: target})
		if err != nil && status.Convert(err).Message() != expect.Compacted.Text {
			return err
		}
	}
	return nil
}

// watch goes on after the last event that was seen, until the stream ends.
func (r *run) watch(ctx context.Context, c *server.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := openWatch(ctx, c, &pb.WatchCreateRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: r.lastEvent() + 1, PrevKv: true,
		ProgressNotify: true, // so that the end is noticed also when nothing happens
	})
	for err == nil && !r.ending.Load() {
		var response *pb.WatchResponse
		if response, err = call.Recv(); err != nil {
			return err
		}
		if response.Canceled {
			return fmt.Errorf("the watch was canceled: %v", response)
		}
		shortenEvents(response.Events)
		r.events = append(r.events, response.Events...)
		r.watched.Store(r.lastEvent())
	}
	return err
}

func (r *run) lastEvent() int64 {
	if len(r.events) == 0 {
		return 1
	}
	return r.events[len(r.events)-1].Kv.ModRevision
}

func openWatch(ctx context.Context, c *server.Client, requests ...*pb.WatchCreateRequest,
) (pb.Watch_WatchClient, error) {
	call, err := c.Watch.Watch(ctx)
	for _, request := range requests {
		if err == nil {
			err = call.Send(&pb.WatchRequest{
				RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request},
			})
		}
	}
	if errors.Is(err, io.EOF) { // the stream has ended, and tells by its status why
		_, err = call.Recv()
	}
	return call, err
}

const (
	watchesOfAPass         = 16
	passesBeforeCompaction = 14
)

// readPast opens watches that start among the events of earlier runs of the server, which it has to
// read from the database, and compares what they bring.
func (r *run) readPast(ctx context.Context, c *server.Client, past []*mvccpb.Event) error {
	random := rand.New(rand.NewPCG(uint64(len(past)), 1))
	for !r.ending.Load() {
		first := sort.Search(len(past), func(i int) bool {
			return past[i].Kv.ModRevision > r.compacted.Load()
		})
		first = max(first, len(past)-200)
		if first == len(past) {
			r.passes.Store(passesBeforeCompaction)
			if err := idle(ctx, c); err != nil {
				return err
			}
			continue
		}
		starts := []int{}
		for range watchesOfAPass {
			start := first + random.IntN(len(past)-first)
			for start > 0 && past[start-1].Kv.ModRevision == past[start].Kv.ModRevision {
				start--
			}
			starts = append(starts, start)
		}
		if err := onePass(ctx, c, past, starts); err != nil {
			return err
		}
		r.passes.Add(1)
	}
	return nil
}

// onePass watches from each start, an index of the past, until all of the past has come.
func onePass(ctx context.Context, c *server.Client, past []*mvccpb.Event, next []int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests := []*pb.WatchCreateRequest{}
	for i, start := range next {
		requests = append(requests, &pb.WatchCreateRequest{
			Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: past[start].Kv.ModRevision,
			WatchId: int64(i + 1),
		})
	}
	call, err := openWatch(ctx, c, requests...)
	if err != nil {
		return err
	}
	for missing := len(next); missing > 0; {
		response, err := call.Recv()
		if err != nil {
			return err
		}
		watch := response.WatchId - 1
		switch {
		case watch < 0:
			return fmt.Errorf("a watch of the past was refused: %v", response)
		case next[watch] == len(past): // all of its past has come
		case response.Canceled && response.CompactRevision > past[next[watch]].Kv.ModRevision:
			missing--
		case response.Canceled:
			return fmt.Errorf("a watch of the past from %d on was canceled: %v",
				past[next[watch]].Kv.ModRevision, response)
		default:
			if next[watch], err = follow(past, next[watch], response.Events); err != nil {
				return err
			}
			if next[watch] == len(past) {
				missing--
			}
		}
	}
	return nil
}

// follow compares events with the past from an index on, and returns where they end.
func follow(past []*mvccpb.Event, index int, events []*mvccpb.Event) (int, error) {
	for _, event := range events {
		if index == len(past) {
			break
		}
		want := past[index]
		if event.Kv.ModRevision != want.Kv.ModRevision || event.Type != want.Type ||
			string(event.Kv.Key) != string(want.Kv.Key) {
			return 0, fmt.Errorf("a watch of the past got\n%v instead of\n%v", event, want)
		}
		index++
	}
	return index, nil
}

// idle is for a client that has nothing to do: it waits, and notices that the server is gone.
func idle(ctx context.Context, c *server.Client) error {
	rest(ctx, 3*time.Millisecond)
	_, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("/")})
	return err
}

// maintain gives space back and takes snapshots.
func (r *run) maintain(ctx context.Context, c *server.Client) error {
	for !r.ending.Load() {
		if _, err := c.Maintenance.Defragment(ctx, &pb.DefragmentRequest{}); err != nil {
			return err
		}
		if err := takeSnapshot(ctx, c); err != nil {
			return err
		}
		rest(ctx, 80*time.Millisecond)
	}
	return nil
}

// takeSnapshot reads a whole snapshot, unless compaction passes its revision.
func takeSnapshot(ctx context.Context, c *server.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Maintenance.Snapshot(ctx, &pb.SnapshotRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) || status.Code(err) == codes.OutOfRange {
		return nil
	}
	return err
}
