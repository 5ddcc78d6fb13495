// Package differential sends the same seeded random operations to a real etcd and to the server
// under test and compares every reply, error and event.
package differential

import (
	"fmt"
	"math/rand/v2"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/ops"
)

// keys are the keys in use. There are twelve because etcd sorts by other targets than the key with
// Go's sort.Sort, whose order of equal elements is defined (by the order before) up to this number
// only.
var keys = []string{
	"\x00",
	"a",
	"a/",
	"a/1",
	"a/1\x00",
	"a/2",
	"a0",
	"b",
	"c/x",
	"c/y",
	"ü",
	"\xff",
}

var values = []string{"", "v", "w", "x\x00y", "a longer value that several keys share", "\xff\xfe"}

// leases are the ids in use, granted or not.
var leases = []int64{1, 2, 3, 4, 1 << 40, -9}

// generator makes random requests. It follows the revisions of the replies, so that old, compacted
// and future revisions are asked for often enough.
type generator struct {
	random    *rand.Rand
	current   int64
	compacted int64
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.random.IntN(n) == 0 }

func pick[T any](g *generator, from []T) T { return from[g.random.IntN(len(from))] }

func (g *generator) key() []byte {
	if g.chance(150) {
		return nil
	}
	return []byte(pick(g, keys))
}

// end is a range end: none, "everything from the key on", a prefix's end, or any key, also before
// the start.
func (g *generator) end(key []byte) []byte {
	switch g.random.IntN(6) {
	case 0:
		return []byte{0}
	case 1, 2:
		if len(key) > 0 && key[len(key)-1] < 0xff {
			end := append([]byte{}, key...)
			end[len(end)-1]++
			return end
		}
		return []byte{0}
	case 3:
		return []byte(pick(g, keys))
	default:
		return nil
	}
}

// revision is mostly the current one, else one around the compacted, the current, or a negative
// one.
func (g *generator) revision() int64 {
	switch g.random.IntN(10) {
	case 0, 1:
		return max(1, g.current-g.random.Int64N(30))
	case 2:
		return g.compacted + g.random.Int64N(3) - 1
	case 3:
		if g.chance(4) {
			return g.current + 1 + g.random.Int64N(3)
		}
		return g.current
	default:
		return 0
	}
}

// next is one random operation.
func (g *generator) next() proto.Message {
	switch n := g.random.IntN(100); {
	case n < 22:
		return g.put()
	case n < 32:
		return g.deleteRange()
	case n < 56:
		return g.rangeRequest()
	case n < 64:
		return &stream{g.rangeRequest()}
	case n < 84:
		return g.txn(0)
	case n < 85:
		return g.compaction()
	case n < 88:
		return &pb.LeaseGrantRequest{
			ID:  pick(g, leases),
			TTL: pick(g, []int64{1000, 5000, 9_000_000_000, 9_000_000_001}),
		}
	case n < 90:
		return &pb.LeaseRevokeRequest{ID: pick(g, leases)}
	case n < 92:
		return &pb.LeaseTimeToLiveRequest{ID: pick(g, leases), Keys: g.chance(2)}
	case n < 93:
		return &pb.LeaseLeasesRequest{}
	case n < 94:
		return &pb.LeaseKeepAliveRequest{ID: pick(g, leases)}
	default:
		return g.watch()
	}
}

func (g *generator) put() *pb.PutRequest {
	request := &pb.PutRequest{Key: g.key(), Value: []byte(pick(g, values)), PrevKv: g.chance(3)}
	if g.chance(5) {
		request.Lease = pick(g, leases)
	}
	if g.chance(10) {
		request.IgnoreValue = true
		if !g.chance(5) {
			request.Value = nil
		}
	}
	if g.chance(10) {
		request.IgnoreLease = true
		if !g.chance(5) {
			request.Lease = 0
		}
	}
	return request
}

func (g *generator) deleteRange() *pb.DeleteRangeRequest {
	request := &pb.DeleteRangeRequest{Key: g.key(), PrevKv: g.chance(2)}
	if g.chance(3) {
		request.RangeEnd = g.end(request.Key)
	}
	return request
}

func (g *generator) rangeRequest() *pb.RangeRequest {
	request := &pb.RangeRequest{Key: g.key(), Revision: g.revision(), Serializable: g.chance(4)}
	if !g.chance(3) {
		request.RangeEnd = g.end(request.Key)
	}
	if g.chance(3) {
		request.Limit = g.random.Int64N(8) - 1
	}
	if g.chance(4) {
		request.SortOrder = pb.RangeRequest_SortOrder(g.random.IntN(3))
		request.SortTarget = pb.RangeRequest_SortTarget(g.random.IntN(5))
	}
	if g.chance(60) {
		request.SortOrder = pb.RangeRequest_SortOrder(g.random.IntN(6) - 1)
		request.SortTarget = pb.RangeRequest_SortTarget(g.random.IntN(8) - 1)
	}
	request.KeysOnly, request.CountOnly = g.chance(6), g.chance(8)
	if g.chance(8) {
		near := func() int64 { return max(0, g.current-g.random.Int64N(20)) }
		switch g.random.IntN(5) {
		case 0:
			request.MinModRevision = near()
		case 1:
			request.MaxModRevision = near()
		case 2:
			request.MinCreateRevision = near()
		case 3:
			request.MaxCreateRevision = near()
		default:
			request.MinModRevision, request.MaxCreateRevision = near(), near()
		}
	}
	return request
}

func (g *generator) compare() *pb.Compare {
	target := pb.Compare_CompareTarget(g.random.IntN(5))
	result := pb.Compare_CompareResult(g.random.IntN(4))
	key, end := string(g.key()), ""
	if g.chance(4) {
		end = string(g.end([]byte(key)))
	}
	switch target {
	case pb.Compare_VALUE:
		return ops.CompareValue(key, end, result, pick(g, values))
	case pb.Compare_VERSION:
		return ops.Compare(key, end, target, result, g.random.Int64N(4))
	case pb.Compare_LEASE:
		return ops.Compare(key, end, target, result, pick(g, append([]int64{0, 0}, leases...)))
	default:
		return ops.Compare(key, end, target, result,
			pick(g, []int64{0, g.current, g.current - g.random.Int64N(20)}))
	}
}

// txn is a transaction with up to two levels inside.
func (g *generator) txn(depth int) *pb.TxnRequest {
	// A put that ignores the value of a key which an earlier operation deleted makes etcd panic.
	// Deletes of ranges and puts with these flags are therefore never in the same transaction.
	return g.txnWith(depth, g.chance(2))
}

func (g *generator) txnWith(depth int, ranges bool) *pb.TxnRequest {
	request := &pb.TxnRequest{}
	for range g.random.IntN(3) {
		request.Compare = append(request.Compare, g.compare())
	}
	for range g.random.IntN(5) {
		request.Success = append(request.Success, g.operation(depth, ranges))
	}
	for range g.random.IntN(3) {
		request.Failure = append(request.Failure, g.operation(depth, ranges))
	}
	return request
}

func (g *generator) operation(depth int, ranges bool) *pb.RequestOp {
	switch n := g.random.IntN(20); {
	case n < 8:
		put := g.put()
		if ranges {
			put.IgnoreValue, put.IgnoreLease = false, false
		}
		if put.Lease != 0 && !g.chance(3) {
			put.Lease = 0
		}
		return ops.PutRequest(put)
	case n < 11:
		deletion := g.deleteRange()
		if !ranges {
			deletion.RangeEnd = nil
		}
		return ops.DeleteRequest(deletion)
	case n < 16 || depth == 2:
		request := g.rangeRequest()
		if !g.chance(4) {
			request.Revision = 0
		}
		return ops.Range(request)
	case n == 16 && g.chance(10):
		return &pb.RequestOp{}
	default:
		return ops.Txn(g.txnWith(depth+1, ranges))
	}
}

func (g *generator) compaction() *pb.CompactionRequest {
	request := &pb.CompactionRequest{Physical: g.chance(2)}
	switch g.random.IntN(5) {
	case 0:
		request.Revision = g.compacted + g.random.Int64N(2)
	case 1:
		request.Revision = g.current + g.random.Int64N(2)
	default:
		request.Revision = max(g.compacted, g.current-g.random.Int64N(100))
	}
	return request
}

func (g *generator) watch() *pb.WatchCreateRequest {
	request := &pb.WatchCreateRequest{Key: g.key(), PrevKv: !g.chance(3), Fragment: g.chance(3)}
	request.RangeEnd = g.end(request.Key)
	if g.chance(2) {
		request.Key, request.RangeEnd = []byte("a"), []byte("b")
	}
	switch g.random.IntN(8) {
	case 0, 1, 2:
		request.StartRevision = max(1, g.current-g.random.Int64N(40))
	case 3:
		request.StartRevision = g.compacted + g.random.Int64N(3) - 1
	case 4:
		request.StartRevision = g.current + g.random.Int64N(20)
	case 5:
		if g.chance(4) {
			request.StartRevision = -1
		}
	}
	if g.chance(4) {
		request.Filters = []pb.WatchCreateRequest_FilterType{
			pb.WatchCreateRequest_FilterType(g.random.IntN(2)),
		}
	}
	if g.chance(6) {
		request.WatchId = g.random.Int64N(20)
	}
	return request
}

// stream marks a range request that goes through RangeStream.
type stream struct{ *pb.RangeRequest }

// describe is an operation as it is printed with a difference.
func describe(operation proto.Message) string {
	if request, is := operation.(*stream); is {
		return fmt.Sprintf("RangeStream{%v}", request.RangeRequest)
	}
	return fmt.Sprintf("%T{%v}", operation, operation)
}
