package server

import (
	"context"
	"math"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Client is one connection with the generated clients on it: what is sent and what comes back is
// exactly what is on the wire, without the retries and the bookkeeping of clientv3.
type Client struct {
	t           testing.TB
	Conn        *grpc.ClientConn
	KV          pb.KVClient
	Watch       pb.WatchClient
	Lease       pb.LeaseClient
	Maintenance pb.MaintenanceClient
	Cluster     pb.ClusterClient
	Auth        pb.AuthClient
	Health      healthpb.HealthClient
}

// Client opens a connection that is closed when the test ends.
func (s *Server) Client(t testing.TB) *Client {
	t.Helper()
	conn, err := s.dial()
	if err != nil {
		t.Fatalf("connect to %s: %v", s.Address(), err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Client{
		t:    t,
		Conn: conn, KV: pb.NewKVClient(conn),
		Watch: pb.NewWatchClient(conn), Lease: pb.NewLeaseClient(conn),
		Maintenance: pb.NewMaintenanceClient(conn), Cluster: pb.NewClusterClient(conn),
		Auth: pb.NewAuthClient(conn), Health: healthpb.NewHealthClient(conn),
	}
}

// ClientV3 opens etcd's own client, closed when the test ends.
func (s *Server) ClientV3(t testing.TB) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{s.Address()},
		DialKeepAliveTime:    30 * time.Second,
		DialKeepAliveTimeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatalf("clientv3 to %s: %v", s.Address(), err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// Context is a context with a deadline far above what any call of a passing test takes, so that a
// server which hangs fails the test instead of hanging it.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *Server) dial() (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if s.options.TLS != nil {
		security = credentials.NewTLS(s.options.TLS.Client)
	}
	return grpc.NewClient("passthrough:///"+s.Address(),
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  20 * time.Millisecond,
				Multiplier: 1.5,
				MaxDelay:   200 * time.Millisecond,
			},
			MinConnectTimeout: time.Second,
		}))
}
