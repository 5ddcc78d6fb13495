package traffic

import (
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"kubase/tests/etcd/internal/ops"
)

// optimistic is how kube-apiserver writes: when the object is as it was seen last, else it is read.
func (c *Client) optimistic() *pb.TxnRequest {
	key := c.key()
	seen, known := c.known[key]
	request := &pb.TxnRequest{
		Compare: ops.If(ops.Compare(key, "", pb.Compare_MOD, pb.Compare_EQUAL, seen)),
		Failure: ops.List(ops.Get(key)),
	}
	put := c.put(key)
	put.Key, put.PrevKv = []byte(key), false
	if len(put.Value) > 2000 {
		put.Value = c.value(key)
	}
	request.Success = ops.List(ops.PutRequest(put))
	switch {
	case known && seen > 0 && c.chance(3):
		request.Success = ops.List(ops.Delete(key, ""))
	case seen == 0 && c.chance(2): // a create does not want to know what is there
		request.Failure = nil
	}
	return request
}

// transaction is a wild one: comparisons of all kinds, several changes, reads between them that see
// what was changed before, and transactions inside.
func (c *Client) transaction() *pb.TxnRequest {
	return c.txnOf(c.newPool(), 0)
}

// keyPool hands out each key once: a transaction must not change a key twice.
type keyPool struct {
	keys []string
}

func (c *Client) newPool() *keyPool {
	pool := &keyPool{}
	for _, group := range prefixes[:len(prefixes)-1] {
		for i := range group.count {
			pool.keys = append(pool.keys, fmt.Sprintf("%s%02d", group.name, i))
		}
	}
	c.random.Shuffle(len(pool.keys), func(i, j int) {
		pool.keys[i], pool.keys[j] = pool.keys[j], pool.keys[i]
	})
	return pool
}

func (p *keyPool) take() (key string, left bool) {
	if len(p.keys) == 0 {
		return "", false
	}
	key, p.keys = p.keys[0], p.keys[1:]
	return key, true
}

func (c *Client) txnOf(pool *keyPool, depth int) *pb.TxnRequest {
	request := &pb.TxnRequest{}
	for range c.random.IntN(3) {
		request.Compare = append(request.Compare, c.compare())
	}
	for range 1 + c.random.IntN(4) {
		request.Success = append(request.Success, c.operation(pool, depth))
	}
	for range c.random.IntN(3) {
		request.Failure = append(request.Failure, c.operation(pool, depth))
	}
	return request
}

func (c *Client) compare() *pb.Compare {
	key, end := c.key(), ""
	if c.chance(5) {
		end = key[:len(key)-1] + "~"
	}
	result := pb.Compare_CompareResult(c.random.IntN(4))
	switch c.random.IntN(6) {
	case 0:
		return ops.CompareValue(key, end, result, "c5")
	case 1:
		return ops.Compare(key, end, pb.Compare_VERSION, result, c.random.Int64N(4))
	case 2:
		return ops.Compare(key, end, pb.Compare_LEASE, result, c.world.lease(c.random))
	case 3:
		return ops.Compare(key, end, pb.Compare_CREATE, result, c.seen-c.random.Int64N(50))
	case 4:
		return ops.Missing(key)
	default:
		return ops.Compare(key, end, pb.Compare_MOD, result, c.known[key])
	}
}

func (c *Client) operation(pool *keyPool, depth int) *pb.RequestOp {
	n := c.random.IntN(12)
	if n >= 10 && depth < 2 {
		return ops.Txn(c.txnOf(pool, depth+1))
	}
	if n < 7 {
		if key, left := pool.take(); left {
			if n < 2 {
				return ops.DeleteRequest(
					&pb.DeleteRangeRequest{Key: []byte(key), PrevKv: c.chance(2)})
			}
			put := c.put(key)
			if put.Key = []byte(key); len(put.Value) > 2000 {
				put.Value = c.value(key)
			}
			return ops.PutRequest(put)
		}
	}
	if c.chance(3) {
		return ops.Range(&pb.RangeRequest{Key: []byte(c.key()), Revision: c.revision()})
	}
	request := c.list()
	if !c.chance(4) {
		request.Revision = 0
	}
	request.Serializable = false
	return ops.Range(request)
}
