// Package load asks one server for work and measures how it is done. All servers are asked by the
// generated gRPC clients alone, without the retries and the bookkeeping of etcd's own client, since
// the generator shares the processors with the server. Every answer is checked.
package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// Client is a number of connections to one server.
type Client struct {
	connections []*grpc.ClientConn
	kv          []pb.KVClient
	watch       []pb.WatchClient
}

// Dial makes the connections and waits until each has answered.
func Dial(ctx context.Context, address string, connections int) (*Client, error) {
	c := &Client{}
	for range connections {
		connection, err := dial(address)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.connections = append(c.connections, connection)
		c.kv = append(c.kv, pb.NewKVClient(connection))
		c.watch = append(c.watch, pb.NewWatchClient(connection))
		if err := ask(ctx, connection); err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %s: %w", address, err), c.Close())
		}
	}
	return c, nil
}

// Close ends the connections.
func (c *Client) Close() error {
	var all []error
	for _, connection := range c.connections {
		all = append(all, connection.Close())
	}
	return errors.Join(all...)
}

// Compact compacts to a revision and returns when its old revisions are gone.
func (c *Client) Compact(ctx context.Context, revision int64) error {
	_, err := c.kv[0].Compact(ctx, &pb.CompactionRequest{Revision: revision, Physical: true})
	return err
}

// Revision is the current revision.
func (c *Client) Revision(ctx context.Context) (int64, error) {
	response, err := c.kv[0].Range(ctx, &pb.RangeRequest{Key: []byte("health")})
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

// Answers asks the server for a key, over a connection of its own.
func Answers(ctx context.Context, address string) error {
	connection, err := dial(address)
	if err != nil {
		return err
	}
	return errors.Join(ask(ctx, connection), connection.Close())
}

func ask(ctx context.Context, connection *grpc.ClientConn) error {
	_, err := pb.NewKVClient(connection).Range(ctx, &pb.RangeRequest{Key: []byte("health")})
	return err
}

// dial connects to a host and port, or to the socket of an address with "unix:" before its path.
func dial(address string) (*grpc.ClientConn, error) {
	target := address
	if !strings.HasPrefix(address, "unix:") {
		target = "passthrough:///" + address
	}
	return grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
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
