package kv

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

const (
	impatience = 500 * time.Millisecond
	patience   = 30 * time.Second
)

// A client gives up while its transaction is being written: it hears so at once, and the transaction
// is there whole or not at all.
func TestDeadlineInAWrite(t *testing.T) {
	t.Parallel()
	giveUpInAWrite(t, codes.DeadlineExceeded, func() (context.Context, func(), func()) {
		ctx, cancel := context.WithTimeout(context.Background(), impatience)
		return ctx, func() {}, cancel
	})
}

func TestCancellationInAWrite(t *testing.T) {
	t.Parallel()
	giveUpInAWrite(t, codes.Canceled, func() (context.Context, func(), func()) {
		ctx, cancel := context.WithCancel(context.Background())
		return ctx, cancel, cancel
	})
}

// giveUpInAWrite sends a transaction to a server that is stopped in it, or, if it is no kubase, that
// stands still. `begin` gives the context of the call, what ends it, and what releases it.
func giveUpInAWrite(t *testing.T, want codes.Code, begin func() (context.Context, func(), func())) {
	options := server.Options{}
	isKubase := server.UnderTest(t).Name == "kubase"
	if isKubase {
		options.Env = []string{"KUBASE_FAILPOINTS=writer.applied=stop@3"}
	}
	s := server.StartWith(t, server.UnderTest(t), options)
	c := s.Client(t)
	c.Put("k", "1")
	before := c.Put("k", "2").Header.Revision
	if !isKubase {
		s.Freeze()
	}
	ctx, giveUp, release := begin()
	defer release()
	failed := make(chan error, 1)
	go func() {
		_, err := c.KV.Txn(ctx, &pb.TxnRequest{
			Success: ops.List(ops.Put("a", "v"), ops.Put("b", "v"), ops.Delete("k", "")),
		})
		failed <- err
	}()
	for deadline := time.Now().Add(patience); !s.Frozen(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the transaction has not come to the server")
		}
	}
	giveUp()
	expect.Code(t, <-failed, want)
	s.Thaw()
	after := c.Put("next", "v").Header.Revision
	keys := c.Range(&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}).Kvs
	names := ""
	for _, kv := range keys {
		names += string(kv.Key) + " "
	}
	switch names {
	case "a b next ":
		expect.Equal(t, "revision of all of it", keys[0].ModRevision, before+1)
		expect.Equal(t, "revision of the next put", after, before+2)
	case "k next ":
		expect.Equal(t, "revision of the next put", after, before+1)
	default:
		t.Errorf("half of a transaction is there: %s", names)
	}
}

// A client gives up a read; the server answers others as before.
func TestDeadlineOfARead(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	c := s.Client(t)
	revision := c.Put("k", "1").Header.Revision
	s.Freeze()
	ctx, cancel := context.WithTimeout(context.Background(), impatience)
	defer cancel()
	_, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("k")})
	expect.Code(t, err, codes.DeadlineExceeded)
	s.Thaw()
	expect.Equal(t, "revision", c.Get("k").Header.Revision, revision)
}
