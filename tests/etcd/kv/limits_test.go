package kv

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/ops"
	"kubase/tests/etcd/internal/server"
)

const (
	requestLimit  = 1536 << 10             // a request of etcd: 1.5 MiB
	receiveLimit  = requestLimit + 512<<10 // what its gRPC server receives at all
	roomForHeader = 1 << 10
)

func TestRequestSize(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	value := func(size int) []byte { return bytes.Repeat([]byte("v"), size) }

	c.PutRequest(&pb.PutRequest{Key: []byte("big"), Value: value(requestLimit - roomForHeader)})
	expect.Equal(t, "size of the value read back", len(c.Get("big").Kvs[0].Value),
		requestLimit-roomForHeader)

	_, err := c.KV.Put(server.Context(t),
		&pb.PutRequest{Key: []byte("k"), Value: value(requestLimit)})
	expect.Fails(t, err, expect.RequestTooLarge)
	_, err = c.KV.Put(server.Context(t),
		&pb.PutRequest{Key: value(requestLimit), Value: []byte("v")})
	expect.Fails(t, err, expect.RequestTooLarge)
	half := string(value(requestLimit / 2))
	_, err = c.KV.Txn(server.Context(t),
		&pb.TxnRequest{Success: ops.List(ops.Put("a", half), ops.Put("b", half))})
	expect.Fails(t, err, expect.RequestTooLarge)
	huge := &pb.PutRequest{Key: []byte("k"), Value: value(receiveLimit + 1)}
	_, err = c.KV.Put(server.Context(t), huge)
	expect.Code(t, err, codes.ResourceExhausted)
	// It is the library that refuses this one; that of etcd says "grpc: received".
	text := regexp.MustCompile(fmt.Sprintf(
		`^(grpc: r|R)eceived message larger than max \(%d vs\. %d\)$`,
		proto.Size(huge), receiveLimit))
	expect.True(t, text.MatchString(status.Convert(err).Message()), "a huge request: %v", err)
	expect.Equal(t, "revision after refused requests", c.Revision(), 2)
}

// A read has no such limit: its answer may be far larger than any request.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	value := bytes.Repeat([]byte("v"), 1<<20)
	for i := range 8 {
		c.PutRequest(&pb.PutRequest{Key: fmt.Appendf(nil, "k%d", i), Value: value})
	}
	response := c.Range(&pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l")})
	expect.Equal(t, "keys", len(response.Kvs), 8)
	for _, kv := range response.Kvs {
		expect.True(t, bytes.Equal(kv.Value, value), "value of %s is not what was written", kv.Key)
	}
}

func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	err := c.Conn.Invoke(server.Context(t), "/etcdserverpb.KV/NoSuchCall", &pb.RangeRequest{},
		&pb.RangeResponse{})
	expect.Code(t, err, codes.Unimplemented)
	err = c.Conn.Invoke(server.Context(t), "/no.such.Service/Call", &pb.RangeRequest{},
		&pb.RangeResponse{})
	expect.Code(t, err, codes.Unimplemented)
}
