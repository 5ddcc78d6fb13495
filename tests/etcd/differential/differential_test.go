package differential

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"kubase/tests/etcd/internal/campaign"
	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

var (
	seed     = flag.Uint64("seed", 0, "seed of the random operations; 0 takes the clock")
	count    = flag.Int("ops", 3000, "number of random operations")
	restarts = flag.Int("restarts", 2, "how many times both servers are restarted on the way")
	keepOn   = flag.Int("differences", 1, "stop after this many differences")
	seeds    = flag.Int("seeds", 1, "number of comparisons, each with a seed of its own")
	file     = flag.String("campaign", "",
		"file that keeps what has passed, for a run that goes on where it was interrupted")
)

const maxWatches = 8

// run is the state of one comparison.
type run struct {
	t          *testing.T
	ctx        context.Context
	generator  *generator
	etcd, ours *target
	watches    []*pair
	found      int
	permitted  map[string]int
	counts     campaign.Counts
	// etcdEnded tells that etcd has ended itself, so that there is nothing to compare with.
	etcdEnded bool
}

// etcdFault is what etcd says when it ends itself because a compaction has taken the previous value
// that it was about to send to a watch (as in etcd#10713).
const etcdFault = "range failed to find revision pair"

// The same operations in the same order: a real etcd and the server under test answer the same.
func TestSameAnswersAsEtcd(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	c := campaign.Open(t, *file,
		fmt.Sprintf("differences in %d operations from seed %d, %d restarts", *count, *seed, *restarts),
		server.UnderTest(t).Binary)
	defer c.End(t)
	for i := range *seeds {
		one := *seed + uint64(i)
		name := fmt.Sprint(one)
		if c.Passed(name) {
			continue
		}
		var counts campaign.Counts
		if !t.Run(name, func(t *testing.T) { counts = same(t, one) }) {
			return
		}
		if counts != nil { // not left out by -run
			c.Pass(t, name, counts)
		}
	}
}

// same compares the two from one seed on, up to where etcd ends itself.
func same(t *testing.T, seed uint64) campaign.Counts {
	t.Logf("replay with -run TestSameAnswersAsEtcd -args -seed=%d -ops=%d -restarts=%d", seed, *count,
		*restarts)
	etcd, ours := server.StartKind(t, server.Etcd(t)), server.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(),
		time.Minute+time.Duration(*count)*50*time.Millisecond)
	defer cancel()
	r := &run{
		t: t, ctx: ctx, permitted: map[string]int{}, counts: campaign.Counts{},
		generator: &generator{random: rand.New(rand.NewPCG(seed, 1)), current: 1, compacted: -1},
		etcd:      &target{etcd, etcd.Client(t)}, ours: &target{ours, ours.Client(t)},
	}
	for i := range *count {
		if *restarts > 0 && i > 0 && i%(*count/(*restarts+1)+1) == 0 {
			r.restart(i)
		}
		if r.step(i); r.found >= *keepOn || r.etcdEnded {
			break
		}
	}
	r.finish()
	if r.etcdEnded {
		t.Logf("etcd has ended itself after %d operations: %s", r.counts["operations"], etcdFault)
		r.counts["times that etcd ended itself"]++
	}
	for reason, times := range r.permitted {
		t.Logf("allowed %d times: %s", times, reason)
		r.counts["operations asked in another way"] += int64(times)
	}
	r.counts["differences"] = int64(r.found)
	r.counts["revisions"] = r.generator.current
	return r.counts
}

// step does one operation on both servers.
func (r *run) step(number int) {
	r.counts["operations"]++
	operation := r.generator.next()
	if create, is := operation.(*pb.WatchCreateRequest); is {
		r.openWatch(number, create)
		return
	}
	if _, is := operation.(*pb.CompactionRequest); is {
		// What compaction takes from a watch that has not caught up depends on how quick it is.
		r.syncWatches(number)
	}
	etcd, ours := r.both(operation)
	r.compare(number, operation, etcd, ours)
	if r.etcdEnded {
		return
	}
	r.follow(operation, etcd)
	if etcd.reply == nil {
		r.counts["operations refused by both"]++
	}
	if number%50 == 0 {
		r.syncWatches(number)
	}
}

// both sends an operation to both servers at once.
func (r *run) both(operation proto.Message) (etcd, ours outcome) {
	done := make(chan outcome, 1)
	go func() { done <- r.ours.do(r.ctx, operation) }()
	instead, reason := forEtcd(operation)
	if reason != "" {
		r.permitted[reason]++
	}
	etcd = r.etcd.do(r.ctx, instead)
	return etcd, <-done
}

// follow learns the current and the compacted revision from etcd's answer.
func (r *run) follow(operation proto.Message, etcd outcome) {
	if etcd.reply == nil {
		return
	}
	if with, has := etcd.reply.(interface{ GetHeader() *pb.ResponseHeader }); has {
		r.generator.current = max(r.generator.current, with.GetHeader().GetRevision())
	}
	if request, is := operation.(*pb.CompactionRequest); is {
		r.generator.compacted = request.Revision
	}
}

func (r *run) compare(number int, operation proto.Message, etcd, ours outcome) {
	difference := ""
	if etcd.failure != ours.failure {
		difference = fmt.Sprintf("etcd: %s\nours: %s", answer(etcd), answer(ours))
	} else if diff := cmp.Diff(etcd.reply, ours.reply, protocmp.Transform()); diff != "" {
		difference = fmt.Sprintf("etcd: %s\nours: %s\n(-etcd +ours)\n%s",
			answer(etcd), answer(ours), diff)
	}
	if difference == "" {
		return
	}
	r.report(number, describe(operation), difference)
}

func answer(o outcome) string {
	if o.reply == nil {
		return o.failure
	}
	return fmt.Sprintf("%v", o.reply)
}

func (r *run) report(number int, operation, difference string) {
	r.t.Helper()
	if r.hasEtcdEnded() {
		return
	}
	r.found++
	r.t.Errorf("difference at operation %d (revision %d, compacted %d):\n%s\n%s",
		number, r.generator.current, r.generator.compacted, operation, difference)
}

func (r *run) hasEtcdEnded() bool {
	r.etcdEnded = r.etcdEnded || r.etcd.server.HasLogged(etcdFault)
	return r.etcdEnded
}

// openWatch opens one watch on both servers and compares the answers; the oldest goes when there
// are many.
func (r *run) openWatch(number int, request *pb.WatchCreateRequest) {
	if len(r.watches) == maxWatches {
		r.syncWatches(number)
		r.watches[0].close()
		r.watches = r.watches[1:]
	}
	r.counts["watches"]++
	p := &pair{request: request}
	var err error
	p.ours, err = r.ours.watch(r.ctx, request)
	expect.OK(r.t, err)
	p.etcd, err = r.etcd.watch(r.ctx, request)
	var etcd *pb.WatchResponse
	if err == nil {
		etcd, err = p.etcd.created()
	}
	if err != nil && r.hasEtcdEnded() {
		p.ours.cancel()
		return
	}
	expect.OK(r.t, err)
	ours, err := p.ours.created()
	expect.OK(r.t, err)
	r.compare(number, request, outcome{reply: normalise(etcd)}, outcome{reply: normalise(ours)})
	if etcd.Canceled || ours.Canceled {
		p.close()
		return
	}
	r.watches = append(r.watches, p)
}

// syncWatches waits until all watches have everything and compares them.
func (r *run) syncWatches(number int) {
	kept := r.watches[:0]
	for _, p := range r.watches {
		if err := p.sync(r.generator.current); err != nil {
			r.report(number, "watch "+describe(p.request), err.Error())
			p.close()
			continue
		}
		if p.etcd.canceled != nil {
			p.close()
			continue
		}
		kept = append(kept, p)
	}
	r.watches = kept
}

func (r *run) restart(number int) {
	r.syncWatches(number)
	for _, p := range r.watches {
		p.close()
	}
	r.watches = nil
	if r.hasEtcdEnded() {
		return
	}
	r.counts["restarts of both"]++
	r.etcd.restart(r.t)
	r.ours.restart(r.t)
}

// finish compares all watches to their end, and the whole store at every revision that is left.
func (r *run) finish() {
	if r.found >= *keepOn || r.etcdEnded {
		return
	}
	// Watches may start ahead of the current revision: write until they have begun.
	for range 25 {
		operation := &pb.PutRequest{Key: []byte("a/1"), Value: []byte("end")}
		etcd, ours := r.both(operation)
		r.compare(*count, operation, etcd, ours)
		r.follow(operation, etcd)
	}
	r.syncWatches(*count)
	revision := max(1, r.generator.compacted)
	for ; revision <= r.generator.current && r.found < *keepOn; revision++ {
		operation := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: revision}
		etcd, ours := r.both(operation)
		r.compare(*count, operation, etcd, ours)
	}
	r.openWatch(*count, &pb.WatchCreateRequest{
		Key: []byte{
			0,
		}, RangeEnd: []byte{0}, StartRevision: max(1, r.generator.compacted+1), PrevKv: true,
	})
	r.syncWatches(*count)
	r.t.Logf("%d operations, revision %d, compacted %d", *count, r.generator.current,
		r.generator.compacted)
}
