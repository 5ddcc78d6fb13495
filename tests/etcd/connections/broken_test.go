package connections

import (
	"context"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
)

const (
	brokenRequest  = "grpc: error unmarshalling request: "            // to a unary call
	brokenMessage  = "grpc: failed to unmarshal the received message" // on a stream
	lengthTooLarge = "\x0a\xff\xff\xff\xff\x0fx"                      // of field 1
)

// raw is a codec for messages that are bytes already; answers are not looked at.
type raw struct{}

func (raw) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

func invoke(ctx context.Context, c *server.Client, method string, message []byte) error {
	return c.Conn.Invoke(ctx, method, message, nil, grpc.ForceCodecV2(raw{}))
}

// stream sends the messages and answers how the stream ends.
func stream(
	ctx context.Context, c *server.Client, method string, desc *grpc.StreamDesc, messages ...[]byte,
) error {
	s, err := c.Conn.NewStream(ctx, desc, method, grpc.ForceCodecV2(raw{}))
	if err != nil {
		return err
	}
	for _, message := range messages {
		if err = s.SendMsg(message); err != nil {
			break // the end has come before; RecvMsg tells which
		}
	}
	for err = nil; err == nil; {
		err = s.RecvMsg(nil)
	}
	return err
}

func expectInternal(t *testing.T, what string, err error, text string) {
	t.Helper()
	got := status.Convert(err)
	if got.Code() != codes.Internal || !strings.HasPrefix(got.Message(), text) {
		t.Errorf("%s: got %v, want Internal with %q", what, err, text)
	}
}

// Every method answers bytes that are no protobuf message, and goes on to serve others.
func TestBrokenMessages(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, service := range []grpc.ServiceDesc{
		pb.KV_ServiceDesc, pb.Watch_ServiceDesc, pb.Lease_ServiceDesc, pb.Cluster_ServiceDesc,
		pb.Maintenance_ServiceDesc, pb.Auth_ServiceDesc,
	} {
		for _, method := range service.Methods {
			name := "/" + service.ServiceName + "/" + method.MethodName
			err := invoke(server.Context(t), c, name, []byte(lengthTooLarge))
			expectInternal(t, name, err, brokenRequest)
		}
		for _, desc := range service.Streams {
			name := "/" + service.ServiceName + "/" + desc.StreamName
			err := stream(server.Context(t), c, name, &desc, []byte(lengthTooLarge))
			expectInternal(t, name, err, brokenMessage)
		}
	}
	health := "/" + healthpb.Health_ServiceDesc.ServiceName
	err := invoke(server.Context(t), c, health+"/Check", []byte(lengthTooLarge))
	expectInternal(t, health, err, brokenRequest)
	watch := &healthpb.Health_ServiceDesc.Streams[0]
	err = stream(server.Context(t), c, health+"/Watch", watch, []byte(lengthTooLarge))
	expectInternal(t, health, err, brokenMessage)
	expect.Equal(t, "revision", c.Revision(), 1)
}

// A stream that was in use ends with the same error.
func TestBrokenMessageOnOpenStream(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.PutRequest(&pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
	create, err := proto.Marshal(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 1},
	}})
	expect.OK(t, err)
	keepAlive, err := proto.Marshal(&pb.LeaseKeepAliveRequest{ID: 7})
	expect.OK(t, err)
	for _, test := range []struct {
		method  string
		desc    *grpc.StreamDesc
		request []byte
	}{
		{"/etcdserverpb.Watch/Watch", &pb.Watch_ServiceDesc.Streams[0], create},
		{"/etcdserverpb.Lease/LeaseKeepAlive", &pb.Lease_ServiceDesc.Streams[0], keepAlive},
	} {
		err := stream(server.Context(t), c, test.method, test.desc, test.request, test.request,
			[]byte(lengthTooLarge))
		expectInternal(t, test.method, err, brokenMessage)
	}
}

// Strings have to be UTF-8; bytes need not.
func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	for _, method := range []string{
		"Auth/Authenticate", "Auth/UserAdd", "Auth/RoleGet", "Cluster/MemberAdd",
	} {
		method = "/etcdserverpb." + method
		err := invoke(server.Context(t), c, method, []byte("\x0a\x02\xff\xfe"))
		expectInternal(t, method, err, brokenRequest)
	}
	c.Put("\xff\xfe", "\xfd")
	expect.Equal(t, "value", string(c.Get("\xff\xfe").Kvs[0].Value), "\xfd")
}

// Odd, but valid: an empty message, fields that nobody knows, a field twice.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	c := server.Start(t).Client(t)
	c.Put("b", "v")
	for _, message := range []string{
		"\x0a\x01a\x0a\x01b", "\x0a\x01b\xfa\x3e\x02??", "\x0a\x01b\xfb\x3e\x08\x01\xfc\x3e",
	} {
		err := invoke(server.Context(t), c, "/etcdserverpb.KV/Range", []byte(message))
		expect.OK(t, err)
	}
	err := invoke(server.Context(t), c, "/etcdserverpb.KV/Range", nil)
	expect.Fails(t, err, expect.EmptyKey)
}
