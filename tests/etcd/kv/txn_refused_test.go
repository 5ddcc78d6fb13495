package kv

import (
	"fmt"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

func then(operations ...*pb.RequestOp) *pb.TxnRequest {
	return &pb.TxnRequest{Success: operations}
}

func both(a, b *pb.RequestOp) *pb.TxnRequest {
	return &pb.TxnRequest{Success: ops.List(a), Failure: ops.List(b)}
}

var put, del, txn = ops.Put, ops.Delete, ops.Txn

var duplicates = []struct {
	name      string
	request   *pb.TxnRequest
	duplicate bool
}{
	{"two puts", then(put("a", "1"), put("a", "2")), true},
	{"two puts in else", &pb.TxnRequest{Failure: ops.List(put("a", "1"), put("a", "2"))}, true},
	{"put in then and else", both(put("a", "1"), put("a", "2")), false},
	{"put, then delete of the key", then(put("a", "1"), del("a", "")), true},
	{"delete, then put of the key", then(del("a", ""), put("a", "1")), true},
	{"put inside a deleted range", then(put("b", "1"), del("a", "c")), true},
	{"put at the end of a deleted range", then(put("c", "1"), del("a", "c")), false},
	{"put before a deleted range", then(put("A", "1"), del("a", "c")), false},
	// etcd does not take "\x00" for "no end" here, and lets this one pass.
	{"put above a range without end", then(put("z", "1"), del("a", "\x00")), false},
	{"put below a range without end", then(put("A", "1"), del("a", "\x00")), false},
	{"two deletes of one key", then(del("a", ""), del("a", "")), false},
	{"overlapping deletes", then(del("a", "c"), del("b", "d")), false},
	{"put and get", then(put("a", "1"), ops.Get("a")), false},
	{"put here and in a nested one", then(put("a", "1"), txn(then(put("a", "2")))), true},
	{"put in two nested ones", then(txn(then(put("a", "1"))), txn(then(put("a", "2")))), true},
	{
		"put in both branches of a nested one",
		then(txn(both(put("a", "1"), put("a", "2")))),
		false,
	},
	{
		"put in both branches and outside",
		then(txn(both(put("a", "1"), put("a", "2"))), put("a", "3")),
		true,
	},
	{"put here and delete in a nested one", then(put("a", "1"), txn(then(del("a", "")))), true},
	{
		"delete here and put in a nested one",
		then(del("a", "c"), txn(then(put("b", "1")))),
		true,
	},
	{
		"delete here and put in a nested else",
		then(del("a", "c"), txn(&pb.TxnRequest{Failure: ops.List(put("b", "1"))})),
		true,
	},
	{
		"delete in one nested, put in the next",
		then(txn(then(del("a", "c"))), txn(then(put("b", "1")))),
		true,
	},
	{
		"delete in then, put in else of a nested one",
		then(txn(both(del("a", ""), put("a", "1")))),
		false,
	},
	{"three levels", then(put("a", "1"), txn(then(txn(then(put("a", "2")))))), true},
}

func TestDuplicateKeys(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, test := range duplicates {
		t.Run(test.name, func(t *testing.T) {
			before := c.Revision()
			_, err := c.KV.Txn(server.Context(t), test.request)
			if !test.duplicate {
				expect.OK(t, err)
				return
			}
			expect.Fails(t, err, expect.DuplicateKey)
			expect.Equal(t, "revision after the refused transaction", c.Revision(), before)
		})
	}
}

// A delete may follow a put of the same key when each is in a nested transaction of its own: both
// happen, in this order and in one revision.
func TestPutAndDeleteOfOneKeyInOneRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "old")
	response := c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("k", "new"))}),
		ops.Txn(
			&pb.TxnRequest{
				Success: ops.List(
					ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("k"), PrevKv: true})),
			},
		),
	)})
	expect.Equal(t, "revision", response.Header.Revision, 3)
	deleted := response.Responses[1].GetResponseTxn().Responses[0].GetResponseDeleteRange()
	expect.Equal(t, "deleted", deleted.Deleted, 1)
	expect.Equal(t, "previous value", deleted.PrevKvs, []*mvccpb.KeyValue{
		{Key: []byte("k"), Value: []byte("new"), CreateRevision: 2, ModRevision: 3, Version: 2}})
	expect.Equal(t, "keys afterwards", len(c.Get("k").Kvs), 0)
	expect.Equal(t, "value before",
		string(c.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 2}).Kvs[0].Value), "old")
	c.Put("k", "later")
	expect.Equal(
		t,
		"key made again",
		c.Get("k").Kvs[0],
		&mvccpb.KeyValue{
			Key:            []byte("k"),
			Value:          []byte("later"),
			CreateRevision: 4,
			ModRevision:    4,
			Version:        1,
		},
	)
}

func puts(count int) []*pb.RequestOp {
	operations := []*pb.RequestOp{}
	for i := range count {
		operations = append(operations, ops.Put(fmt.Sprintf("k%03d", i), "v"))
	}
	return operations
}

func gets(count int) []*pb.RequestOp {
	return slices.Repeat(ops.List(ops.Get("k")), count)
}

func compares(count int) []*pb.Compare {
	return slices.Repeat(ops.If(ops.Missing("none")), count)
}

// nested has this many operations outside, the last of which is a transaction with the inner ones.
func nested(outer, inner int) *pb.TxnRequest {
	operations := append(gets(outer-1), ops.Txn(&pb.TxnRequest{Success: puts(inner)}))
	return &pb.TxnRequest{Success: operations}
}

var sizes = []struct {
	name    string
	request *pb.TxnRequest
	ok      bool
}{
	{"128 puts", &pb.TxnRequest{Success: puts(128)}, true},
	{"129 puts", &pb.TxnRequest{Success: puts(129)}, false},
	{
		"128 in each branch",
		&pb.TxnRequest{Compare: compares(128), Success: puts(128), Failure: gets(128)},
		true,
	},
	{"129 in else", &pb.TxnRequest{Failure: gets(129)}, false},
	{"129 comparisons", &pb.TxnRequest{Compare: compares(129)}, false},
	{"1 and 127 nested", nested(1, 127), true},
	{"1 and 128 nested", nested(1, 128), false},
	{"100 and 28 nested", nested(100, 28), true},
	{"100 and 29 nested", nested(100, 29), false},
	{"comparisons count for what is nested", &pb.TxnRequest{
		Compare: compares(100), Success: ops.List(ops.Txn(&pb.TxnRequest{Success: puts(29)})),
	}, false},
	{"each nested one has the same budget", &pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: puts(126)}),
		ops.Txn(&pb.TxnRequest{Success: gets(126)}))}, true},
	{"two levels", &pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Txn(&pb.TxnRequest{Success: puts(126)}))}),
	)}, true},
	{"two levels and one too many", &pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Txn(&pb.TxnRequest{Success: puts(127)}))}),
	)}, false},
}

func TestNumberOfOperations(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, test := range sizes {
		t.Run(test.name, func(t *testing.T) {
			before := c.Revision()
			_, err := c.KV.Txn(server.Context(t), test.request)
			if test.ok {
				expect.OK(t, err)
				return
			}
			expect.Fails(t, err, expect.TooManyOps)
			expect.Equal(t, "revision after the refused transaction", c.Revision(), before)
		})
	}
}

var refusedOperations = []struct {
	name      string
	operation *pb.RequestOp
	want      expect.Failure
}{
	{
		"range of a compacted revision",
		ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 2}),
		expect.Compacted,
	},
	{
		"range of a future revision",
		ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 5}),
		expect.FutureRevision,
	},
	{
		"put with an unknown lease",
		ops.PutRequest(&pb.PutRequest{Key: []byte("l"), Lease: 4711}),
		expect.LeaseNotFound,
	},
	{
		"ignore_value of a missing key",
		ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true}),
		expect.KeyNotFound,
	},
	{
		"ignore_lease of a missing key",
		ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreLease: true}),
		expect.KeyNotFound,
	},
	{
		"put with value and ignore_value",
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), IgnoreValue: true}),
		expect.ValueProvided,
	},
	{
		"put with lease and ignore_lease",
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Lease: 1, IgnoreLease: true}),
		expect.LeaseProvided,
	},
	{"put of an empty key", ops.Put("", "v"), expect.EmptyKey},
	{"range of an empty key", ops.Get(""), expect.EmptyKey},
	{"delete of an empty key", ops.Delete("", "z"), expect.EmptyKey},
	{
		"range with an unknown order",
		ops.Range(&pb.RangeRequest{Key: []byte("k"), SortOrder: 9}),
		expect.InvalidSort,
	},
	{"empty operation", &pb.RequestOp{}, expect.KeyNotFound},
	{
		"empty compare key",
		ops.Txn(&pb.TxnRequest{Compare: ops.If(&pb.Compare{})}),
		expect.EmptyKey,
	},
}

// A transaction that cannot be done whole is not done at all.
func TestTransactionErrorsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v") // 2
	c.Put("k", "w") // 3
	c.Put("k", "x") // 4
	c.Compact(3)
	first := ops.Put("witness", "1")
	for _, test := range refusedOperations {
		for where, request := range map[string]*pb.TxnRequest{
			"last":  {Success: ops.List(first, test.operation)},
			"first": {Success: ops.List(test.operation, first)},
			"nested": {Success: ops.List(first, ops.Txn(&pb.TxnRequest{
				Success: ops.List(ops.Get("k"), test.operation),
			}))},
			"else": {Compare: ops.If(ops.Missing("k")), Failure: ops.List(first, test.operation)},
		} {
			t.Run(test.name+" "+where, func(t *testing.T) {
				_, err := c.KV.Txn(server.Context(t), request)
				expect.Fails(t, err, test.want)
				expect.Equal(t, "keys named witness", c.Get("witness").Count, 0)
				expect.Equal(t, "revision", c.Revision(), 4)
			})
		}
	}
}

// Only the branch that is taken is checked against the store, but both are checked for their form.
func TestBranchThatIsNotTaken(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v")
	notTaken := func(operation *pb.RequestOp) error {
		_, err := c.KV.Txn(server.Context(t),
			&pb.TxnRequest{Success: ops.List(ops.Get("k")), Failure: ops.List(operation)})
		return err
	}
	expect.OK(t, notTaken(ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Lease: 4711})))
	expect.OK(t, notTaken(ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 100})))
	expect.OK(t, notTaken(ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true})))
	expect.Fails(t, notTaken(ops.Get("")), expect.EmptyKey)
	expect.Fails(
		t,
		notTaken(
			ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), IgnoreValue: true}),
		),
		expect.ValueProvided,
	)
}

func TestIgnoreFlagsLookAtTheStateBeforeTheTransaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	_, err := c.KV.Txn(server.Context(t), &pb.TxnRequest{Success: ops.List(
		ops.Txn(
			&pb.TxnRequest{
				Compare: ops.If(ops.Missing("k")),
				Success: ops.List(ops.Put("other", "v")),
			},
		),
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true}),
	)})
	expect.Fails(t, err, expect.KeyNotFound)
	c.Put("k", "kept")
	c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true}),
		ops.PutRequest(&pb.PutRequest{Key: []byte("l"), Value: []byte("v"), PrevKv: true}))})
	expect.Equal(t, "value", string(c.Get("k").Kvs[0].Value), "kept")
	expect.Equal(t, "version", c.Get("k").Kvs[0].Version, 2)
}
