// Package traffic makes random requests as the clients of a Kubernetes cluster send them, and some
// that are wilder: optimistic writes of objects, lists at old revisions, transactions in
// transactions, selectors, leases that end under their keys. Requests are made from what earlier
// answers told, so that conditions hold often enough. Every value is written once only.
package traffic

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/labels"
	"kubase/tests/etcd/internal/reference"
)

// Prefixes of the keys in use, with the number of keys. Large values are only below "/zbig/".
var prefixes = []struct {
	name  string
	count int
}{
	{"/registry/pods/default/", 18},
	{"/registry/minions/", 6},
	{"/zother/", 6},
	{"/zbig/", 3},
}

// World is what all clients of one history share.
type World struct {
	// LeaseTTL is the time of new leases in seconds.
	LeaseTTL int64
	// LargeOneIn is how rare large values are among plain puts.
	LargeOneIn int
	// MorePuts adds plain puts.
	MorePuts bool
	// Selectors lets reads ask for a part of the values by their labels, which no etcd can.
	Selectors bool
	// ForeignPods writes, now and then, a pod that is nothing that Kubernetes writes. A store that
	// indexes the labels of pods can no longer answer from the index then, so few worlds have it.
	ForeignPods bool
	// Compacted is the revision of the last compaction that was asked for.
	Compacted atomic.Int64

	mutex  sync.Mutex
	leases []int64
}

func (w *World) addLease(id int64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.leases = append(w.leases, id)
	if len(w.leases) > 12 {
		w.leases = w.leases[1:]
	}
}

// lease is one of the last leases, which may be over; 0 when there is none.
func (w *World) lease(random *rand.Rand) int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.leases) == 0 {
		return 0
	}
	return w.leases[random.IntN(len(w.leases))]
}

// Client makes the requests of one client. It is used by one goroutine.
type Client struct {
	world  *World
	number int
	random *rand.Rand
	count  int
	// known has the revision of each key as this client saw it last, 0 when there was none.
	known map[string]int64
	// seen is the highest revision that this client was told.
	seen int64
}

// NewClient makes a client; the number makes its values its own.
func NewClient(world *World, number int, seed uint64) *Client {
	return &Client{
		world: world, number: number, random: rand.New(rand.NewPCG(seed, uint64(number))),
		known: map[string]int64{}, seen: 1,
	}
}

// Random is the source of randomness of this client.
func (c *Client) Random() *rand.Rand { return c.random }

// Next is the next request.
func (c *Client) Next() proto.Message {
	if c.world.MorePuts && c.chance(6) {
		return c.put(c.key())
	}
	switch n := c.random.IntN(100); {
	case n < 28:
		return c.optimistic()
	case n < 42:
		return c.put(c.key())
	case n < 50:
		return c.deletion()
	case n < 70:
		return c.selecting(&pb.RangeRequest{Key: []byte(c.key()), Revision: c.revision()}, 6)
	case n < 84:
		return c.selecting(c.list(), 2)
	case n < 96:
		return c.transaction()
	case n < 98:
		c.count++
		return &pb.LeaseGrantRequest{
			ID: int64(c.number+1)<<32 | int64(c.count), TTL: c.world.LeaseTTL,
		}
	default:
		if id := c.world.lease(c.random); id != 0 {
			return &pb.LeaseRevokeRequest{ID: id}
		}
		return c.optimistic()
	}
}

func (c *Client) chance(n int) bool { return c.random.IntN(n) == 0 }

func (c *Client) key() string {
	group := prefixes[c.random.IntN(len(prefixes)-1)]
	if c.chance(2) {
		group = prefixes[0]
	}
	return fmt.Sprintf("%s%02d", group.name, c.random.IntN(group.count))
}

// value is a small one for a key.
func (c *Client) value(key string) []byte {
	size := 0
	if c.chance(10) {
		size = c.random.IntN(1000)
	}
	return c.valueOf(key, size)
}

// valueOf is an object as Kubernetes stores it, or anything else, which pods are not, or rarely.
func (c *Client) valueOf(key string, size int) []byte {
	c.count++
	text := fmt.Sprintf("c%d-%d ", c.number, c.count) + strings.Repeat("x", size)
	isPod := strings.HasPrefix(key, prefixes[0].name)
	if isPod && !(c.world.ForeignPods && c.chance(100)) || !isPod && c.chance(2) {
		return labels.RandomObject(c.random, text)
	}
	return append([]byte(text), 0) // that values are bytes
}

func (c *Client) put(key string) *pb.PutRequest {
	request := &pb.PutRequest{Key: []byte(key), Value: c.value(key), PrevKv: c.chance(3)}
	if c.chance(6) {
		request.Lease = c.world.lease(c.random)
	}
	if c.chance(c.world.LargeOneIn) {
		big := prefixes[len(prefixes)-1]
		request.Key = fmt.Appendf(nil, "%s%02d", big.name, c.random.IntN(big.count))
		request.Value = c.valueOf(string(request.Key), 20_000+c.random.IntN(100_000))
	}
	return request
}

func (c *Client) deletion() *pb.DeleteRangeRequest {
	request := &pb.DeleteRangeRequest{Key: []byte(c.key()), PrevKv: c.chance(2)}
	switch {
	case c.chance(5):
		request.RangeEnd = []byte(c.key())
	case c.chance(40):
		request.Key, request.RangeEnd = []byte("/z"), []byte{0}
	}
	return request
}

// revision is mostly the current one, else one of the past, sometimes compacted or ahead.
func (c *Client) revision() int64 {
	compacted := c.world.Compacted.Load()
	switch n := c.random.IntN(40); {
	case n < 6:
		return max(1, compacted, c.seen-c.random.Int64N(200))
	case n == 6:
		return max(1, compacted-1+c.random.Int64N(3))
	case n == 7 && c.chance(5):
		return c.seen + 1 + c.random.Int64N(20)
	default:
		return 0
	}
}

func (c *Client) list() *pb.RangeRequest {
	prefix := prefixes[c.random.IntN(len(prefixes)-1)].name
	request := &pb.RangeRequest{
		Key: []byte(prefix), RangeEnd: []byte(prefix[:len(prefix)-1] + "0"),
		Revision: c.revision(), KeysOnly: c.chance(8), CountOnly: c.chance(8),
		Serializable: c.chance(10),
	}
	if c.chance(3) {
		request.Limit = 1 + c.random.Int64N(8)
	}
	if c.chance(4) {
		request.Key = []byte(c.key())
	}
	if c.chance(20) {
		request.Key, request.RangeEnd, request.KeysOnly = []byte{0}, []byte{0}, true
	}
	return request
}

// selecting lets one of so many requests ask for a part of the values.
func (c *Client) selecting(request *pb.RangeRequest, oneIn int) *pb.RangeRequest {
	if c.world.Selectors && c.chance(oneIn) {
		labels.Select(request, labels.RandomSelector(c.random))
	}
	return request
}

// Learn takes from an answer what the next requests are made from.
func (c *Client) Learn(request, reply proto.Message) {
	c.seen = max(c.seen, reference.Revision(reply))
	switch answer := reply.(type) {
	case *pb.RangeResponse:
		c.learn(request.(*pb.RangeRequest), answer)
	case *pb.PutResponse:
		c.known[string(request.(*pb.PutRequest).Key)] = answer.Header.Revision
	case *pb.TxnResponse:
		c.learnTxn(request.(*pb.TxnRequest), answer)
	case *pb.LeaseGrantResponse:
		c.world.addLease(answer.ID)
	}
}

func (c *Client) learn(request *pb.RangeRequest, answer *pb.RangeResponse) {
	if request.Revision > 0 || request.CountOnly {
		return
	}
	if len(request.RangeEnd) == 0 && labels.SelectorOf(request) == "" {
		c.known[string(request.Key)] = 0
	}
	for _, kv := range answer.Kvs {
		c.known[string(kv.Key)] = kv.ModRevision
	}
}

// learnTxn learns from the shape of an optimistic write; other transactions teach nothing.
func (c *Client) learnTxn(request *pb.TxnRequest, answer *pb.TxnResponse) {
	if len(request.Compare) != 1 || len(answer.Responses) != 1 {
		return
	}
	key := string(request.Compare[0].Key)
	switch response := answer.Responses[0].Response.(type) {
	case *pb.ResponseOp_ResponsePut:
		c.known[key] = answer.Header.Revision
	case *pb.ResponseOp_ResponseDeleteRange:
		c.known[key] = 0
	case *pb.ResponseOp_ResponseRange:
		c.known[key] = 0
		for _, kv := range response.ResponseRange.Kvs {
			c.known[string(kv.Key)] = kv.ModRevision
		}
	}
}
