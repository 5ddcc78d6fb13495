package takeover

import (
	"context"
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// lateClients have connections to a leader from before it is frozen, and use them meanwhile.
type lateClients struct {
	t        testing.TB
	client   *server.Client
	written  int64 // the revision that the new leader gave out before they sent anything
	before   *pb.RangeResponse
	outcomes chan outcome
	sent     int
}

// outcome is what an answer is worth: a complaint, or nothing.
type outcome struct {
	what      string
	answered  bool
	complaint string
}

func newLateClients(t testing.TB, leader *server.Server) *lateClients {
	c := leader.Client(t)
	return &lateClients{t: t, client: c, before: c.Get("/k/k"), outcomes: make(chan outcome, 100)}
}

// send asks the frozen leader for what has changed meanwhile, and to change it.
func (l *lateClients) send(written int64) {
	l.written = written
	everything := &pb.RangeRequest{Key: []byte("/"), RangeEnd: []byte("0")}
	one := &pb.RangeRequest{Key: []byte("/k/k")}
	read := func(response *pb.RangeResponse, err error) (bool, string) {
		if err == nil && response.Header.Revision < written {
			return true, fmt.Sprintf("a stale answer of revision %d, after %d was acknowledged",
				response.Header.Revision, written)
		}
		return err == nil, ""
	}
	for range 5 {
		l.ask("get", func(ctx context.Context) (bool, string) { return read(l.client.KV.Range(ctx, one)) })
		l.ask("list", func(ctx context.Context) (bool, string) {
			return read(l.client.KV.Range(ctx, everything))
		})
		l.ask("streamed list", func(ctx context.Context) (bool, string) {
			whole, err := l.client.CallRangeStream(ctx, everything)
			if err != nil {
				return false, ""
			}
			return read(whole.(*pb.RangeResponse), nil)
		})
		l.ask("watch from now on", l.watch)
	}
	l.ask("update of what it knew", l.update)
	l.ask("put", l.put)
}

// watch begins after what was acknowledged, or not at all.
func (l *lateClients) watch(ctx context.Context) (bool, string) {
	stream, err := watchstream.Ask(ctx, l.client.Watch, &pb.WatchCreateRequest{Key: []byte("/k/k")})
	if err != nil {
		return false, ""
	}
	created, err := stream.Recv()
	if err == nil && created.Header.Revision < l.written {
		return true, fmt.Sprintf("it begins after revision %d, where %d was acknowledged",
			created.Header.Revision, l.written)
	}
	return err == nil, ""
}

// update is refused: what it compares with has changed.
func (l *lateClients) update(ctx context.Context) (bool, string) {
	response, err := l.client.KV.Txn(ctx, &pb.TxnRequest{
		Compare: ops.If(ops.Compare("/k/k", "", pb.Compare_MOD, pb.Compare_EQUAL,
			l.before.Kvs[0].ModRevision)),
		Success: ops.List(ops.Put("/k/k", "lost update")),
	})
	if err == nil && response.Succeeded {
		return true, "it replaced a value that it had not seen"
	}
	return err == nil, ""
}

func (l *lateClients) put(ctx context.Context) (bool, string) {
	response, err := l.client.KV.Put(ctx,
		&pb.PutRequest{Key: []byte("/late"), Value: []byte(fmt.Sprint(l.written))})
	if err == nil && response.Header.Revision <= l.written {
		return true, fmt.Sprintf("revision %d was given out again", response.Header.Revision)
	}
	return err == nil, ""
}

func (l *lateClients) ask(what string, call func(ctx context.Context) (bool, string)) {
	l.sent++
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), takeover)
		defer cancel()
		answered, complaint := call(ctx)
		l.outcomes <- outcome{what, answered, complaint}
	}()
}

// check waits for all answers.
func (l *lateClients) check() {
	l.t.Helper()
	answered := 0
	for range l.sent {
		o := <-l.outcomes
		if o.complaint != "" {
			l.t.Errorf("a %s by who was frozen: %s", o.what, o.complaint)
		}
		if o.answered {
			answered++
		}
	}
	l.t.Logf("of %d requests to who was frozen %d were answered", l.sent, answered)
}
