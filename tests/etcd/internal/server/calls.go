package server

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// The calls below are for steps of a test that have to succeed: they end the test when the server
// answers with an error. They are called on the goroutine of the test.

// Put stores a value without a lease.
func (c *Client) Put(key, value string) *pb.PutResponse {
	c.t.Helper()
	return c.PutRequest(&pb.PutRequest{Key: []byte(key), Value: []byte(value)})
}

// PutRequest sends a put.
func (c *Client) PutRequest(request *pb.PutRequest) *pb.PutResponse {
	c.t.Helper()
	response, err := c.KV.Put(Context(c.t), request)
	return must(c, response, err, "put")
}

// Get reads one key at the current revision.
func (c *Client) Get(key string) *pb.RangeResponse {
	c.t.Helper()
	return c.Range(&pb.RangeRequest{Key: []byte(key)})
}

// Range sends a range request.
func (c *Client) Range(request *pb.RangeRequest) *pb.RangeResponse {
	c.t.Helper()
	response, err := c.KV.Range(Context(c.t), request)
	return must(c, response, err, "range")
}

// Delete deletes one key, or [key, end) when end is not empty.
func (c *Client) Delete(key, end string) *pb.DeleteRangeResponse {
	c.t.Helper()
	response, err := c.KV.DeleteRange(Context(c.t),
		&pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
	return must(c, response, err, "delete")
}

// Txn sends a transaction.
func (c *Client) Txn(request *pb.TxnRequest) *pb.TxnResponse {
	c.t.Helper()
	response, err := c.KV.Txn(Context(c.t), request)
	return must(c, response, err, "txn")
}

// Compact compacts to a revision and waits until the old revisions are gone.
func (c *Client) Compact(revision int64) *pb.CompactionResponse {
	c.t.Helper()
	response, err := c.KV.Compact(Context(c.t),
		&pb.CompactionRequest{Revision: revision, Physical: true})
	return must(c, response, err, "compact")
}

// Grant makes a lease; id 0 lets the server choose.
func (c *Client) Grant(id, ttl int64) *pb.LeaseGrantResponse {
	c.t.Helper()
	response, err := c.Lease.LeaseGrant(Context(c.t), &pb.LeaseGrantRequest{ID: id, TTL: ttl})
	return must(c, response, err, "lease grant")
}

// Revoke revokes a lease.
func (c *Client) Revoke(id int64) *pb.LeaseRevokeResponse {
	c.t.Helper()
	response, err := c.Lease.LeaseRevoke(Context(c.t), &pb.LeaseRevokeRequest{ID: id})
	return must(c, response, err, "lease revoke")
}

// Revision is the current revision of the store.
func (c *Client) Revision() int64 {
	c.t.Helper()
	return c.Get("a key that no test writes").Header.Revision
}

func must[T any](c *Client, response T, err error, what string) T {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	return response
}
