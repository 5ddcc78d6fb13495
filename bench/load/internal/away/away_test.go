package away

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers with what it gets, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func connect(t *testing.T, delay time.Duration) net.Conn {
	t.Helper()
	proxy, err := Start(echo(t), delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", proxy.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends bytes and reads as many.
func exchange(t *testing.T, conn net.Conn, sent []byte) {
	t.Helper()
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(sent)
		written <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Error("what came back is not what was sent")
	}
}

func TestARoundTripTakesTheDelay(t *testing.T) {
	const delay = 40 * time.Millisecond
	conn := connect(t, delay)
	for range 3 {
		began := time.Now()
		exchange(t, conn, []byte("hello"))
		if took := time.Since(began); took < delay {
			t.Errorf("a round trip took %v, less than %v", took, delay)
		}
	}
}

// A megabyte in pieces of 64 kB would take 16 delays if each had to wait for the one before.
func TestADelayIsNoLimitOfWhatIsCarried(t *testing.T) {
	const delay = 400 * time.Millisecond
	conn := connect(t, delay)
	began := time.Now()
	exchange(t, conn, bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
	if took := time.Since(began); took > 8*delay {
		t.Errorf("a megabyte took %v, at a delay of %v", took, delay)
	}
}

func TestTheEndOfAConnectionIsCarried(t *testing.T) {
	proxy, err := Start(echo(t), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", proxy.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exchange(t, conn, []byte("hello"))
	if err := proxy.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("there is something to read after the end")
	}
}
