// Package tcpproxy stands between a client and a server, and does to their connections what
// networks do: cut, stall, delay, and lose what is on its way.
package tcpproxy

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy forwards connections to one address. Its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	target   string

	mutex   sync.Mutex
	changed sync.Cond
	conns   map[*conn]bool
	refuses bool
	stalled bool
	delay   time.Duration
	trap    *trap
}

// trap waits for a client to send something.
type trap struct {
	text []byte
	// parcels is how many more of them have to come; the one that makes it 0 springs the trap.
	parcels int
	// passes tells whether the server still gets it; its answer is lost in any case.
	passes bool
	// refuses tells that no connection is accepted from then on.
	refuses bool
	sprung  chan struct{}
}

// conn is a connection of a client and the one to the server for it.
type conn struct {
	client, server net.Conn
	// deaf tells that nothing more goes to the client.
	deaf bool
}

// Start starts a proxy on a free port of loopback, which ends with the test.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p := &Proxy{listener: listener, target: target, conns: map[*conn]bool{}}
	p.changed.L = &p.mutex
	t.Cleanup(func() {
		listener.Close()
		p.Resume()
		p.Cut()
	})
	go p.accept()
	return p
}

// Address is where clients connect.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// SetDelay makes everything arrive later, in both directions.
func (p *Proxy) SetDelay(delay time.Duration) {
	p.change(func() { p.delay = delay })
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for c := range p.conns {
		c.close()
	}
}

// Refuse closes all connections, and new ones at once, until Accept.
func (p *Proxy) Refuse() {
	p.change(func() { p.refuses = true })
	p.Cut()
}

// RefuseAfter does what Refuse does when a client has sent the text: the server gets it, and its
// answer is lost.
func (p *Proxy) RefuseAfter(text []byte) {
	p.change(func() { p.trap = &trap{text: text, passes: true, refuses: true, sprung: make(chan struct{})} })
}

// Accept ends Refuse and RefuseAfter.
func (p *Proxy) Accept() {
	p.change(func() { p.refuses, p.trap = false, nil })
}

// Stall holds back what is sent in both directions, until Resume.
func (p *Proxy) Stall() {
	p.change(func() { p.stalled = true })
}

// Resume ends Stall; nothing was lost.
func (p *Proxy) Resume() {
	p.change(func() { p.stalled = false })
}

// change sets how connections are treated, and wakes those that wait for it.
func (p *Proxy) change(set func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	set()
	p.changed.Broadcast()
}

// CutAt cuts a connection when its client sends the text: before the server gets it, or, if it
// passes, when the server's answer comes, which is lost. The channel is closed then. One trap at a
// time; nil text takes it away.
func (p *Proxy) CutAt(text []byte, passes bool) <-chan struct{} {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.trap = nil
	sprung := make(chan struct{})
	if text != nil {
		p.trap = &trap{text: text, passes: passes, sprung: sprung}
	}
	return sprung
}

// CutAtParcel does what CutAt does at the n-th parcel that comes from any client, counted from 1.
func (p *Proxy) CutAtParcel(n int, passes bool) <-chan struct{} {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.trap = &trap{parcels: n, passes: passes, sprung: make(chan struct{})}
	return p.trap.sprung
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test is over
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	c := &conn{client: client, server: server}
	p.mutex.Lock()
	if p.refuses {
		c.close()
	}
	p.conns[c] = true
	p.mutex.Unlock()
	var directions sync.WaitGroup
	directions.Go(func() { p.carry(c, client, server, p.fromClient) })
	directions.Go(func() { p.carry(c, server, client, p.fromServer) })
	directions.Wait()
	p.mutex.Lock()
	delete(p.conns, c)
	p.mutex.Unlock()
}

// parcel is what came at some time.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry moves what one side sends to the other, as long as pass lets it, and closes both at the end.
func (p *Proxy) carry(c *conn, from, to net.Conn, pass func(c *conn, bytes []byte) bool) {
	parcels := make(chan parcel, 1024)
	var sending sync.WaitGroup
	sending.Go(func() {
		for next := range parcels {
			time.Sleep(time.Until(next.due))
			p.awaitResume()
			if !pass(c, next.bytes) {
				c.close()
			} else if _, err := to.Write(next.bytes); err != nil {
				c.close()
			}
		}
		c.close()
	})
	for {
		buffer := make([]byte, 64*1024)
		n, err := from.Read(buffer)
		if n > 0 {
			p.mutex.Lock()
			due := time.Now().Add(p.delay)
			p.mutex.Unlock()
			parcels <- parcel{buffer[:n], due}
		}
		if err != nil {
			break
		}
	}
	close(parcels)
	sending.Wait()
}

func (p *Proxy) awaitResume() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for p.stalled {
		p.changed.Wait()
	}
}

func (p *Proxy) fromClient(c *conn, sent []byte) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.trap == nil || !p.trap.springsAt(sent) {
		return !c.deaf
	}
	c.deaf = true
	sprung := p.trap
	p.trap, p.refuses = nil, p.refuses || sprung.refuses
	close(sprung.sprung)
	return sprung.passes
}

func (t *trap) springsAt(sent []byte) bool {
	if t.parcels > 0 {
		t.parcels--
		return t.parcels == 0
	}
	return bytes.Contains(sent, t.text)
}

func (p *Proxy) fromServer(c *conn, _ []byte) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return !c.deaf
}

func (c *conn) close() {
	c.client.Close()
	c.server.Close()
}
