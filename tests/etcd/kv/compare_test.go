package kv

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

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

// holds tells whether a comparison holds of a value that is below, equal to or above the operand.
func holds(result pb.Compare_CompareResult, order int) bool {
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

// Every target with every relation, below, at and above the real value, for a key and for a missing
// key.
func TestCompareTargetsAndRelations(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Grant(40, 1000)
	c.Put("x", "")                                                                  // 2
	c.Put("k", "1")                                                                 // 3
	c.Put("k", "2")                                                                 // 4
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("val"), Lease: 40}) // 5

	actual := map[pb.Compare_CompareTarget]int64{version: 3, create: 3, mod: 5, lease: 40}
	for target, value := range actual {
		for _, result := range []pb.Compare_CompareResult{equal, greater, less, notEqual} {
			for offset := int64(-1); offset <= 1; offset++ {
				name := fmt.Sprintf("%v %v offset %d", target, result, offset)
				check(t, c, name, ops.Compare("k", "", target, result, value+offset),
					holds(result, int(-offset)))
				check(t, c, name+" of a missing key",
					ops.Compare("none", "", target, result, offset), holds(result, int(-offset)))
			}
		}
	}
	for _, result := range []pb.Compare_CompareResult{equal, greater, less, notEqual} {
		for order, value := range map[int]string{1: "vak", 0: "val", -1: "val\x00"} {
			check(t, c, fmt.Sprintf("VALUE %v order %d", result, order),
				ops.CompareValue("k", "", result, value), holds(result, order))
		}
		check(t, c, fmt.Sprintf("VALUE %v of a missing key", result),
			ops.CompareValue("none", "", result, ""), false)
	}
	check(t, c, "VALUE of an empty value", ops.CompareValue("x", "", equal, ""), true)
	// A comparison without its operand compares with zero.
	check(t, c, "no operand", &pb.Compare{Key: []byte("k"), Target: version, Result: greater}, true)
	check(t, c, "no operand, missing key",
		&pb.Compare{Key: []byte("none"), Target: mod, Result: equal}, true)
	// The operand of another target counts as none.
	check(t, c, "operand of another target", &pb.Compare{
		Key: []byte("k"), Target: version, Result: equal,
		TargetUnion: &pb.Compare_ModRevision{ModRevision: 3},
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
		Compare: ops.If(
			compare,
		), Success: ops.List(ops.Get("none")), Failure: ops.List(ops.Get("none"), ops.Get("none")),
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
