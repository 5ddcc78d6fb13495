// Package connections tests what clients do to the connections themselves: many of them, idle ones,
// frequent pings, and clients that vanish. kube-apiserver opens a connection for every kind of
// resource.
package connections

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"kubase/tests/etcd/internal/expect"
	"kubase/tests/etcd/internal/server"
	"kubase/tests/etcd/internal/watchstream"
)

// Many connections, each with a watch, and every one of them is served.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	const connections = 1500
	streams := make([]*watchstream.Stream, connections)
	var group sync.WaitGroup
	for first := range 50 {
		group.Go(func() {
			for i := first; i < connections; i += 50 {
				streams[i] = watchstream.Open(t, s.Client(t))
				streams[i].SendCreate(&pb.WatchCreateRequest{Key: []byte("k")})
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, stream := range streams {
		expect.Equal(t, "created", stream.Next().Created, true)
	}
	revision := s.Client(t).Put("k", "v").Header.Revision
	for _, stream := range streams {
		expect.Equal(t, "event", stream.NextEvents().Events[0].Kv.ModRevision, revision)
	}
}

// Clients that vanish in the middle of requests and streams leave a server that works as before.
func TestClientsThatVanish(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	value := bytes.Repeat([]byte("v"), 100_000)
	for round := range 20 {
		c := s.Client(t)
		stream := watchstream.Open(t, c)
		stream.Create(&pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}})
		lease, err := c.Lease.LeaseKeepAlive(server.Context(t))
		expect.OK(t, err)
		expect.OK(t, lease.Send(&pb.LeaseKeepAliveRequest{ID: 1}))
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				// The connection is closed under these calls: each ends well or with an error.
				_, _ = c.KV.Put(context.Background(),
					&pb.PutRequest{Key: []byte{'k', byte(round)}, Value: value})
				_, _ = c.KV.Range(context.Background(),
					&pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
			})
		}
		time.Sleep(time.Duration(round) * time.Millisecond)
		expect.OK(t, c.Conn.Close())
		group.Wait()
	}
	c := s.Client(t)
	stream := watchstream.Open(t, c)
	stream.Create(&pb.WatchCreateRequest{Key: []byte("after")})
	revision := c.Put("after", "v").Header.Revision
	expect.Equal(t, "event", stream.NextEvents().Events[0].Kv.ModRevision, revision)
}

// Bytes that are neither HTTP nor gRPC, and connections that say nothing, harm nobody.
func TestNoise(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	for _, noise := range []string{
		"", "\x00\x01\x02\x03", "GET ", "\x16\x03\x01\x02\x00\x01\x00",
		http2.ClientPreface + "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		conn, err := net.Dial("tcp", s.Address())
		expect.OK(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, noise)
		expect.OK(t, err)
	}
	expect.Equal(t, "revision", s.Client(t).Put("k", "v").Header.Revision, 2)
}

// A client may ping every five seconds while a stream is open. etcd's own client library cannot
// ping that often, so this one speaks HTTP/2 itself.
func TestFrequentPings(t *testing.T) {
	t.Parallel()
	s := server.Start(t)
	conn, err := net.Dial("tcp", s.Address())
	expect.OK(t, err)
	defer conn.Close()
	expect.OK(t, conn.SetDeadline(time.Now().Add(50*time.Second)))
	framer := openWatchCall(t, conn)
	const pings = 5
	for i := range byte(pings) {
		if i > 0 {
			time.Sleep(5050 * time.Millisecond)
		}
		sent := [8]byte{i, 'p', 'i', 'n', 'g'}
		expect.OK(t, framer.WritePing(false, sent))
		for answered := false; !answered; {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("after ping %d: %v", i, err)
			}
			switch f := frame.(type) {
			case *http2.GoAwayFrame:
				t.Fatalf("after ping %d: the server goes away: %v %q", i, f.ErrCode, f.DebugData())
			case *http2.PingFrame:
				if f.IsAck() {
					expect.Equal(t, "answer to the ping", f.Data, sent)
					answered = true
					continue
				}
				expect.OK(t, framer.WritePing(true, f.Data))
			}
		}
	}
}

// openWatchCall begins a Watch call by hand.
func openWatchCall(t *testing.T, conn net.Conn) *http2.Framer {
	t.Helper()
	_, err := io.WriteString(conn, http2.ClientPreface)
	expect.OK(t, err)
	framer := http2.NewFramer(conn, conn)
	expect.OK(t, framer.WriteSettings())
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", "/etcdserverpb.Watch/Watch"},
		{":authority", "localhost"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		expect.OK(t, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	expect.OK(
		t,
		framer.WriteHeaders(
			http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers.Bytes(), EndHeaders: true}),
	)
	return framer
}
