package kv

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

// The transactions of kube-apiserver: create, update and delete guarded by the modification
// revision.
func TestOptimisticTransactions(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	guarded := func(key string, revision int64, operation *pb.RequestOp) *pb.TxnResponse {
		return c.Txn(&pb.TxnRequest{
			Compare: ops.If(ops.Compare(key, "", mod, equal, revision)),
			Success: ops.List(operation), Failure: ops.List(ops.Get(key)),
		})
	}
	created := guarded("k", 0, ops.Put("k", "1"))
	expect.Equal(t, "create", created.Succeeded, true)
	expect.Equal(t, "header revision of create", created.Header.Revision, 2)
	expect.Equal(t, "revision in the put's own header",
		created.Responses[0].GetResponsePut().Header.Revision, 2)

	again := guarded("k", 0, ops.Put("k", "2"))
	expect.Equal(t, "create of an existing key", again.Succeeded, false)
	expect.Equal(t, "header revision of a failed create", again.Header.Revision, 2)
	found := again.Responses[0].GetResponseRange()
	expect.Equal(t, "the existing key", found.Kvs, []*mvccpb.KeyValue{
		{Key: []byte("k"), Value: []byte("1"), CreateRevision: 2, ModRevision: 2, Version: 1}})

	expect.Equal(t, "update", guarded("k", 2, ops.Put("k", "3")).Succeeded, true)
	stale := guarded("k", 2, ops.Delete("k", ""))
	expect.Equal(t, "delete with a stale revision", stale.Succeeded, false)
	expect.Equal(t, "value found", string(stale.Responses[0].GetResponseRange().Kvs[0].Value), "3")
	deleted := guarded("k", 3, ops.Delete("k", ""))
	expect.Equal(t, "delete", deleted.Succeeded, true)
	expect.Equal(t, "deleted", deleted.Responses[0].GetResponseDeleteRange().Deleted, 1)
	expect.Equal(t, "header revision of delete", deleted.Header.Revision, 4)
	gone := guarded("k", 3, ops.Put("k", "4"))
	expect.Equal(t, "update of a deleted key", gone.Succeeded, false)
	expect.Equal(t, "keys found", len(gone.Responses[0].GetResponseRange().Kvs), 0)
}

func TestOperationsSeeEarlierOnesOfTheirTransaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "old") // 2
	c.Put("b", "old") // 3
	response := c.Txn(&pb.TxnRequest{Success: ops.List(ops.Get("a"), ops.Put("a", "new"),
		ops.Get("a"), ops.Put("c", "made"),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")}),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z"), CountOnly: true}),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), Revision: 3}),
		ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("b"), PrevKv: true}), ops.Get("b"),
		ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("b")}))})
	expect.Equal(t, "revision", response.Header.Revision, 4)
	ranges := func(i int) *pb.RangeResponse { return response.Responses[i].GetResponseRange() }
	newA := &mvccpb.KeyValue{
		Key:            []byte("a"),
		Value:          []byte("new"),
		CreateRevision: 2,
		ModRevision:    4,
		Version:        2,
	}
	oldB := &mvccpb.KeyValue{
		Key:            []byte("b"),
		Value:          []byte("old"),
		CreateRevision: 3,
		ModRevision:    3,
		Version:        1,
	}
	madeC := &mvccpb.KeyValue{
		Key:            []byte("c"),
		Value:          []byte("made"),
		CreateRevision: 4,
		ModRevision:    4,
		Version:        1,
	}
	expect.Equal(t, "a before its put", string(ranges(0).Kvs[0].Value), "old")
	expect.Equal(t, "a after its put", ranges(2).Kvs, []*mvccpb.KeyValue{newA})
	expect.Equal(t, "range with both puts", ranges(4).Kvs, []*mvccpb.KeyValue{newA, oldB, madeC})
	expect.Equal(t, "count with both puts", ranges(5).Count, 3)
	expect.Equal(t, "a at an old revision", string(ranges(6).Kvs[0].Value), "old")
	expect.Equal(t, "previous value of b", response.Responses[7].GetResponseDeleteRange().PrevKvs,
		[]*mvccpb.KeyValue{oldB})
	expect.Equal(t, "keys found after the delete", len(ranges(8).Kvs), 0)
	expect.Equal(t, "deleted the second time",
		response.Responses[9].GetResponseDeleteRange().Deleted, 0)
	expect.Equal(t, "state afterwards",
		c.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")}).Kvs,
		[]*mvccpb.KeyValue{newA, madeC})
}

// The headers inside a transaction carry the revision as it was when the operation ran, and nothing
// else.
func TestHeadersInsideATransaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1") // 2
	response := c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Get("a"), ops.Put("b", "1"), ops.Get("a"), ops.Delete("a", ""), ops.Delete("none", ""),
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("c", "1"))}))})
	expect.Equal(t, "range before the first change",
		response.Responses[0].GetResponseRange().Header, &pb.ResponseHeader{Revision: 2})
	expect.Equal(t, "put", response.Responses[1].GetResponsePut().Header,
		&pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "range after the first change", response.Responses[2].GetResponseRange().Header,
		&pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "delete", response.Responses[3].GetResponseDeleteRange().Header,
		&pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "delete of nothing", response.Responses[4].GetResponseDeleteRange().Header,
		&pb.ResponseHeader{Revision: 3})
	nested := response.Responses[5].GetResponseTxn()
	expect.Equal(t, "nested transaction", nested.Header, &pb.ResponseHeader{})
	expect.Equal(t, "put in it", nested.Responses[0].GetResponsePut().Header,
		&pb.ResponseHeader{Revision: 3})
}

func TestNestedTransactions(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1")
	response := c.Txn(&pb.TxnRequest{
		Compare: ops.If(ops.CompareValue("a", "", equal, "1")),
		Success: ops.List(
			ops.Put("a", "2"),
			ops.Txn(&pb.TxnRequest{
				// All comparisons are decided before the first change, so this one still sees the
				// old value.
				Compare: ops.If(ops.CompareValue("a", "", equal, "1")),
				Success: ops.List(
					ops.Put("b", "then"),
					ops.Txn(&pb.TxnRequest{
						Compare: ops.If(ops.Missing("a")), Success: ops.List(ops.Put("c", "then")),
						Failure: ops.List(ops.Put("c", "else"), ops.Get("a")),
					}),
				),
				Failure: ops.List(ops.Put("b", "else")),
			}),
			ops.Txn(
				&pb.TxnRequest{Compare: ops.If(ops.Exists("b")), Failure: ops.List(ops.Get("b"))}),
		),
	})
	expect.Equal(t, "revision", response.Header.Revision, 3)
	middle := response.Responses[1].GetResponseTxn()
	expect.Equal(t, "middle succeeded", middle.Succeeded, true)
	inner := middle.Responses[1].GetResponseTxn()
	expect.Equal(t, "inner succeeded", inner.Succeeded, false)
	expect.Equal(t, "a seen by the inner one",
		string(inner.Responses[1].GetResponseRange().Kvs[0].Value), "2")
	last := response.Responses[2].GetResponseTxn()
	expect.Equal(t, "last succeeded", last.Succeeded, false)
	expect.Equal(t, "b seen by the last one",
		string(last.Responses[0].GetResponseRange().Kvs[0].Value), "then")
	for _, kv := range c.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("d")}).Kvs {
		want := map[string]string{"a": "2", "b": "then", "c": "else"}[string(kv.Key)]
		expect.Equal(t, "value of "+string(kv.Key), string(kv.Value), want)
		expect.Equal(t, "revision of "+string(kv.Key), kv.ModRevision, 3)
	}
}
