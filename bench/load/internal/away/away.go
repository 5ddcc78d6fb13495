// Package away puts a server further away than it is.
package away

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// parcelsMax are on their way in one direction of a connection; who sends more has to wait.
	parcelsMax  = 1024
	parcelBytes = 64 << 10
)

// Proxy carries what clients send to a server and its answers, all of it later by half of a delay:
// a round trip takes as much longer as the delay is, and connections carry as much as before.
type Proxy struct {
	target   string
	half     time.Duration
	listener net.Listener
	ctx      context.Context
	end      context.CancelFunc
	running  sync.WaitGroup
}

// Start listens on a free port of loopback until Close.
func Start(target string, delay time.Duration) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, half: delay / 2, listener: listener}
	p.ctx, p.end = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Address is where the server is reached the long way.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close cuts all connections and returns when nothing is carried any more.
func (p *Proxy) Close() error {
	p.end()
	err := p.listener.Close()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve ends both connections when one of them has ended.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	var dialer net.Dialer
	server, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	ctx, end := context.WithCancel(p.ctx)
	defer end()
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
	var both sync.WaitGroup
	both.Go(func() { defer end(); p.carry(ctx, client, server) })
	both.Go(func() { defer end(); p.carry(ctx, server, client) })
	both.Wait()
}

type parcel struct {
	due   time.Time
	bytes []byte
}

// carry returns when either side has ended, or ctx.
func (p *Proxy) carry(ctx context.Context, from, to net.Conn) {
	parcels := make(chan parcel, parcelsMax)
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() {
		defer close(parcels)
		p.collect(ctx, from, parcels)
	})
	for next := range parcels {
		select {
		case <-time.After(time.Until(next.due)):
		case <-ctx.Done():
			return
		}
		if _, err := to.Write(next.bytes); err != nil {
			from.Close()
			return
		}
	}
}

func (p *Proxy) collect(ctx context.Context, from net.Conn, parcels chan<- parcel) {
	buffer := make([]byte, parcelBytes)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		next := parcel{due: time.Now().Add(p.half), bytes: append([]byte(nil), buffer[:n]...)}
		select {
		case parcels <- next:
		case <-ctx.Done():
			return
		}
	}
}
