package kv

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

const (
	equal    = pb.Compare_EQUAL
	greater  = pb.Compare_GREATER
	less     = pb.Compare_LESS
	notEqual = pb.Compare_NOT_EQUAL

	version = pb.Compare_VERSION
	create  = pb.Compare_CREATE
	mod     = pb.Compare_MOD
	lease   = pb.Compare_LEASE
)

// Every target with every relation, below, at and above the real value, for a key and for a missing key.
func TestCompareTargetsAndRelations(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(40, 1000)
	c.Put("x", "")                                                                  // 2
	c.Put("k", "1")                                                                 // 3
	c.Put("k", "2")                                                                 // 4
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("val"), Lease: 40}) // 5

	actual := map[pb.Compare_CompareTarget]int64{version: 3, create: 3, mod: 5, lease: 40}
	holds := func(result pb.Compare_CompareResult, order int) bool {
		switch result {
		case equal:
			return order == 0
		case greater:
			return order > 0
		case less:
			return order < 0
		default:
			return order != 0
		}
	}
	for target, value := range actual {
		for _, result := range []pb.Compare_CompareResult{equal, greater, less, notEqual} {
			for offset := int64(-1); offset <= 1; offset++ {
				name := fmt.Sprintf("%v %v offset %d", target, result, offset)
				check(t, c, name, ops.Compare("k", "", target, result, value+offset), holds(result, int(-offset)))
				check(t, c, name+" of a missing key", ops.Compare("none", "", target, result, offset), holds(result, int(-offset)))
			}
		}
	}
	for _, result := range []pb.Compare_CompareResult{equal, greater, less, notEqual} {
		for order, value := range map[int]string{1: "vak", 0: "val", -1: "val\x00"} {
			check(t, c, fmt.Sprintf("VALUE %v order %d", result, order),
				ops.CompareValue("k", "", result, value), holds(result, order))
		}
		check(t, c, fmt.Sprintf("VALUE %v of a missing key", result), ops.CompareValue("none", "", result, ""), false)
	}
	check(t, c, "VALUE of an empty value", ops.CompareValue("x", "", equal, ""), true)
	// A comparison without its operand compares with zero.
	check(t, c, "no operand", &pb.Compare{Key: []byte("k"), Target: version, Result: greater}, true)
	check(t, c, "no operand, missing key", &pb.Compare{Key: []byte("none"), Target: mod, Result: equal}, true)
	// The operand of another target counts as none.
	check(t, c, "operand of another target", &pb.Compare{
		Key: []byte("k"), Target: version, Result: equal, TargetUnion: &pb.Compare_ModRevision{ModRevision: 3},
	}, false)
}

func TestCompareRanges(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k1", "a") // 2
	c.Put("k2", "a") // 3
	c.Put("k3", "b") // 4
	cases := []struct {
		name    string
		compare *pb.Compare
		want    bool
	}{
		{"all hold", ops.Compare("k", "l", version, equal, 1), true},
		{"one does not hold", ops.Compare("k", "l", mod, less, 4), false},
		{"all below", ops.Compare("k", "l", mod, less, 5), true},
		{"values equal", ops.CompareValue("k1", "k3", equal, "a"), true},
		{"values differ", ops.CompareValue("k1", "k4", equal, "a"), false},
		{"empty range compares with zero", ops.Compare("x", "z", create, equal, 0), true},
		{"empty range is not above zero", ops.Compare("x", "z", create, greater, 0), false},
		{"value of an empty range", ops.CompareValue("x", "z", notEqual, "q"), false},
		{"from a key on", ops.Compare("k2", "\x00", mod, greater, 2), true},
		{"everything", ops.Compare("\x00", "\x00", mod, greater, 2), false},
		{"inverted range is empty", ops.Compare("l", "k", mod, equal, 0), true},
	}
	for _, test := range cases {
		check(t, c, test.name, test.compare, test.want)
	}
}

// check runs a transaction with one comparison and different reads on both sides.
func check(t *testing.T, c *server.Client, name string, compare *pb.Compare, want bool) {
	t.Helper()
	response := c.Txn(&pb.TxnRequest{
		Compare: ops.If(compare), Success: ops.List(ops.Get("none")), Failure: ops.List(ops.Get("none"), ops.Get("none")),
	})
	if response.Succeeded != want {
		t.Errorf("%s: succeeded is %v, want %v", name, response.Succeeded, want)
	}
	if operations := len(response.Responses); (operations == 1) != want {
		t.Errorf("%s: %d responses, which is the other branch", name, operations)
	}
}

func TestAllComparesMustHold(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1")
	c.Put("b", "2")
	run := func(compares ...*pb.Compare) bool {
		return c.Txn(&pb.TxnRequest{Compare: compares}).Succeeded
	}
	yes, no := ops.CompareValue("a", "", equal, "1"), ops.CompareValue("b", "", equal, "1")
	expect.Equal(t, "no compare", run(), true)
	expect.Equal(t, "two that hold", run(yes, ops.Exists("b")), true)
	expect.Equal(t, "the last does not hold", run(yes, no), false)
	expect.Equal(t, "the first does not hold", run(no, yes), false)
}

// The transactions of kube-apiserver: create, update and delete guarded by the modification revision.
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
	expect.Equal(t, "revision in the put's own header", created.Responses[0].GetResponsePut().Header.Revision, 2)

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
	response := c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Get("a"),
		ops.Put("a", "new"),
		ops.Get("a"),
		ops.Put("c", "made"),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")}),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z"), CountOnly: true}),
		ops.Range(&pb.RangeRequest{Key: []byte("a"), Revision: 3}),
		ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("b"), PrevKv: true}),
		ops.Get("b"),
		ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("b")}),
	)})
	expect.Equal(t, "revision", response.Header.Revision, 4)
	ranges := func(i int) *pb.RangeResponse { return response.Responses[i].GetResponseRange() }
	newA := &mvccpb.KeyValue{Key: []byte("a"), Value: []byte("new"), CreateRevision: 2, ModRevision: 4, Version: 2}
	oldB := &mvccpb.KeyValue{Key: []byte("b"), Value: []byte("old"), CreateRevision: 3, ModRevision: 3, Version: 1}
	madeC := &mvccpb.KeyValue{Key: []byte("c"), Value: []byte("made"), CreateRevision: 4, ModRevision: 4, Version: 1}
	expect.Equal(t, "a before its put", string(ranges(0).Kvs[0].Value), "old")
	expect.Equal(t, "a after its put", ranges(2).Kvs, []*mvccpb.KeyValue{newA})
	expect.Equal(t, "range with both puts", ranges(4).Kvs, []*mvccpb.KeyValue{newA, oldB, madeC})
	expect.Equal(t, "count with both puts", ranges(5).Count, 3)
	expect.Equal(t, "a at an old revision", string(ranges(6).Kvs[0].Value), "old")
	expect.Equal(t, "previous value of b", response.Responses[7].GetResponseDeleteRange().PrevKvs, []*mvccpb.KeyValue{oldB})
	expect.Equal(t, "keys found after the delete", len(ranges(8).Kvs), 0)
	expect.Equal(t, "deleted the second time", response.Responses[9].GetResponseDeleteRange().Deleted, 0)
	expect.Equal(t, "state afterwards", c.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")}).Kvs,
		[]*mvccpb.KeyValue{newA, madeC})
}

// The headers inside a transaction carry the revision as it was when the operation ran, and nothing else.
func TestHeadersInsideATransaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("a", "1") // 2
	response := c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Get("a"), ops.Put("b", "1"), ops.Get("a"), ops.Delete("a", ""), ops.Delete("none", ""),
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("c", "1"))}),
	)})
	expect.Equal(t, "range before the first change", response.Responses[0].GetResponseRange().Header, &pb.ResponseHeader{Revision: 2})
	expect.Equal(t, "put", response.Responses[1].GetResponsePut().Header, &pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "range after the first change", response.Responses[2].GetResponseRange().Header, &pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "delete", response.Responses[3].GetResponseDeleteRange().Header, &pb.ResponseHeader{Revision: 3})
	expect.Equal(t, "delete of nothing", response.Responses[4].GetResponseDeleteRange().Header, &pb.ResponseHeader{Revision: 3})
	nested := response.Responses[5].GetResponseTxn()
	expect.Equal(t, "nested transaction", nested.Header, &pb.ResponseHeader{})
	expect.Equal(t, "put in it", nested.Responses[0].GetResponsePut().Header, &pb.ResponseHeader{Revision: 3})
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
				// All comparisons are decided before the first change, so this one still sees the old value.
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
			ops.Txn(&pb.TxnRequest{Compare: ops.If(ops.Exists("b")), Failure: ops.List(ops.Get("b"))}),
		),
	})
	expect.Equal(t, "revision", response.Header.Revision, 3)
	middle := response.Responses[1].GetResponseTxn()
	expect.Equal(t, "middle succeeded", middle.Succeeded, true)
	inner := middle.Responses[1].GetResponseTxn()
	expect.Equal(t, "inner succeeded", inner.Succeeded, false)
	expect.Equal(t, "a seen by the inner one", string(inner.Responses[1].GetResponseRange().Kvs[0].Value), "2")
	last := response.Responses[2].GetResponseTxn()
	expect.Equal(t, "last succeeded", last.Succeeded, false)
	expect.Equal(t, "b seen by the last one", string(last.Responses[0].GetResponseRange().Kvs[0].Value), "then")
	for _, kv := range c.Range(&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("d")}).Kvs {
		want := map[string]string{"a": "2", "b": "then", "c": "else"}[string(kv.Key)]
		expect.Equal(t, "value of "+string(kv.Key), string(kv.Value), want)
		expect.Equal(t, "revision of "+string(kv.Key), kv.ModRevision, 3)
	}
}

func TestDuplicateKeys(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	then := func(operations ...*pb.RequestOp) *pb.TxnRequest { return &pb.TxnRequest{Success: operations} }
	both := func(a, b *pb.RequestOp) *pb.TxnRequest {
		return &pb.TxnRequest{Success: ops.List(a), Failure: ops.List(b)}
	}
	put, del, txn := ops.Put, ops.Delete, ops.Txn
	cases := []struct {
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
		{"put in both branches of a nested one", then(txn(both(put("a", "1"), put("a", "2")))), false},
		{"put in both branches and outside", then(txn(both(put("a", "1"), put("a", "2"))), put("a", "3")), true},
		{"put here and delete in a nested one", then(put("a", "1"), txn(then(del("a", "")))), true},
		{"delete here and put in a nested one", then(del("a", "c"), txn(then(put("b", "1")))), true},
		{"delete here and put in a nested else", then(del("a", "c"), txn(&pb.TxnRequest{Failure: ops.List(put("b", "1"))})), true},
		{"delete in one nested, put in the next", then(txn(then(del("a", "c"))), txn(then(put("b", "1")))), true},
		{"delete in then, put in else of a nested one", then(txn(both(del("a", ""), put("a", "1")))), false},
		{"three levels", then(put("a", "1"), txn(then(txn(then(put("a", "2")))))), true},
	}
	for _, test := range cases {
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

// A delete may follow a put of the same key when each is in a nested transaction of its own: both happen, in
// this order and in one revision.
func TestPutAndDeleteOfOneKeyInOneRevision(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "old")
	response := c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Put("k", "new"))}),
		ops.Txn(&pb.TxnRequest{Success: ops.List(ops.DeleteRequest(&pb.DeleteRangeRequest{Key: []byte("k"), PrevKv: true}))}),
	)})
	expect.Equal(t, "revision", response.Header.Revision, 3)
	deleted := response.Responses[1].GetResponseTxn().Responses[0].GetResponseDeleteRange()
	expect.Equal(t, "deleted", deleted.Deleted, 1)
	expect.Equal(t, "previous value", deleted.PrevKvs, []*mvccpb.KeyValue{
		{Key: []byte("k"), Value: []byte("new"), CreateRevision: 2, ModRevision: 3, Version: 2}})
	expect.Equal(t, "keys afterwards", len(c.Get("k").Kvs), 0)
	expect.Equal(t, "value before", string(c.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 2}).Kvs[0].Value), "old")
	c.Put("k", "later")
	expect.Equal(t, "key made again", c.Get("k").Kvs[0],
		&mvccpb.KeyValue{Key: []byte("k"), Value: []byte("later"), CreateRevision: 4, ModRevision: 4, Version: 1})
}

func TestNumberOfOperations(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	puts := func(count int) []*pb.RequestOp {
		operations := []*pb.RequestOp{}
		for i := range count {
			operations = append(operations, ops.Put(fmt.Sprintf("k%03d", i), "v"))
		}
		return operations
	}
	gets := func(count int) []*pb.RequestOp {
		operations := []*pb.RequestOp{}
		for range count {
			operations = append(operations, ops.Get("k"))
		}
		return operations
	}
	compares := func(count int) []*pb.Compare {
		comparisons := []*pb.Compare{}
		for range count {
			comparisons = append(comparisons, ops.Missing("none"))
		}
		return comparisons
	}
	nested := func(outer, inner int) *pb.TxnRequest {
		operations := append(gets(outer-1), ops.Txn(&pb.TxnRequest{Success: puts(inner)}))
		return &pb.TxnRequest{Success: operations}
	}
	cases := []struct {
		name    string
		request *pb.TxnRequest
		ok      bool
	}{
		{"128 puts", &pb.TxnRequest{Success: puts(128)}, true},
		{"129 puts", &pb.TxnRequest{Success: puts(129)}, false},
		{"128 in each branch", &pb.TxnRequest{Compare: compares(128), Success: puts(128), Failure: gets(128)}, true},
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
			ops.Txn(&pb.TxnRequest{Success: puts(126)}), ops.Txn(&pb.TxnRequest{Success: gets(126)}),
		)}, true},
		{"two levels", &pb.TxnRequest{Success: ops.List(
			ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Txn(&pb.TxnRequest{Success: puts(126)}))}))}, true},
		{"two levels and one too many", &pb.TxnRequest{Success: ops.List(
			ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Txn(&pb.TxnRequest{Success: puts(127)}))}))}, false},
	}
	for _, test := range cases {
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

// A transaction that cannot be done whole is not done at all.
func TestTransactionErrorsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("k", "v") // 2
	c.Put("k", "w") // 3
	c.Put("k", "x") // 4
	c.Compact(3)
	first := ops.Put("witness", "1")
	cases := []struct {
		name      string
		operation *pb.RequestOp
		want      expect.Failure
	}{
		{"range of a compacted revision", ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 2}), expect.Compacted},
		{"range of a future revision", ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 5}), expect.FutureRevision},
		{"put with an unknown lease", ops.PutRequest(&pb.PutRequest{Key: []byte("l"), Lease: 4711}), expect.LeaseNotFound},
		{"ignore_value of a missing key", ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true}), expect.KeyNotFound},
		{"ignore_lease of a missing key", ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreLease: true}), expect.KeyNotFound},
		{"put with value and ignore_value", ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), IgnoreValue: true}), expect.ValueProvided},
		{"put with lease and ignore_lease", ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Lease: 1, IgnoreLease: true}), expect.LeaseProvided},
		{"put of an empty key", ops.Put("", "v"), expect.EmptyKey},
		{"range of an empty key", ops.Get(""), expect.EmptyKey},
		{"delete of an empty key", ops.Delete("", "z"), expect.EmptyKey},
		{"range with an unknown order", ops.Range(&pb.RangeRequest{Key: []byte("k"), SortOrder: 9}), expect.InvalidSort},
		{"empty operation", &pb.RequestOp{}, expect.KeyNotFound},
		{"empty compare key", ops.Txn(&pb.TxnRequest{Compare: ops.If(&pb.Compare{})}), expect.EmptyKey},
	}
	for _, test := range cases {
		for where, request := range map[string]*pb.TxnRequest{
			"last":   {Success: ops.List(first, test.operation)},
			"first":  {Success: ops.List(test.operation, first)},
			"nested": {Success: ops.List(first, ops.Txn(&pb.TxnRequest{Success: ops.List(ops.Get("k"), test.operation)}))},
			"else":   {Compare: ops.If(ops.Missing("k")), Failure: ops.List(first, test.operation)},
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
		_, err := c.KV.Txn(server.Context(t), &pb.TxnRequest{Success: ops.List(ops.Get("k")), Failure: ops.List(operation)})
		return err
	}
	expect.OK(t, notTaken(ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Lease: 4711})))
	expect.OK(t, notTaken(ops.Range(&pb.RangeRequest{Key: []byte("k"), Revision: 100})))
	expect.OK(t, notTaken(ops.PutRequest(&pb.PutRequest{Key: []byte("none"), IgnoreValue: true})))
	expect.Fails(t, notTaken(ops.Get("")), expect.EmptyKey)
	expect.Fails(t, notTaken(ops.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v"), IgnoreValue: true})), expect.ValueProvided)
}

func TestIgnoreFlagsLookAtTheStateBeforeTheTransaction(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	_, err := c.KV.Txn(server.Context(t), &pb.TxnRequest{Success: ops.List(
		ops.Txn(&pb.TxnRequest{Compare: ops.If(ops.Missing("k")), Success: ops.List(ops.Put("other", "v"))}),
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true}),
	)})
	expect.Fails(t, err, expect.KeyNotFound)
	c.Put("k", "kept")
	c.Txn(&pb.TxnRequest{Success: ops.List(
		ops.PutRequest(&pb.PutRequest{Key: []byte("k"), IgnoreValue: true}),
		ops.PutRequest(&pb.PutRequest{Key: []byte("l"), Value: []byte("v"), PrevKv: true}),
	)})
	expect.Equal(t, "value", string(c.Get("k").Kvs[0].Value), "kept")
	expect.Equal(t, "version", c.Get("k").Kvs[0].Version, 2)
}
