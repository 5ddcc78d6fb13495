// Package server starts, stops, kills and restarts one server process for a test: kubase or a real
// etcd. The process listens on a free loopback port, keeps its data in a temporary directory, dies
// with the test process, and its log is printed when the test fails.
package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// Server is one server process and its data directory. Its methods are called by one goroutine at a
// time.
type Server struct {
	t        testing.TB
	kind     Kind
	dir      string
	port     int
	peerPort int
	options  Options
	process  *process
	// continuer is told of every process; nil when nobody asked for it.
	continuer *Continuer
}

// process is a started program; exited is closed when it has ended.
type process struct {
	command *exec.Cmd
	exited  chan struct{}
}

// Start starts a fresh server of the kind under test and waits until it answers. It is stopped and
// its data removed when the test ends.
func Start(t testing.TB, extra ...string) *Server {
	t.Helper()
	return StartKind(t, UnderTest(t), extra...)
}

// StartKind starts a fresh server of the given kind.
func StartKind(t testing.TB, kind Kind, extra ...string) *Server {
	t.Helper()
	return StartWith(t, kind, Options{Flags: extra})
}

// StartWith starts a fresh server of the given kind that differs from the ordinary one.
func StartWith(t testing.TB, kind Kind, options Options) *Server {
	t.Helper()
	s := &Server{t: t, kind: kind, dir: t.TempDir(), options: options}
	t.Cleanup(s.cleanUp)
	var err error
	// A port that was free can be taken before the server binds it: then another one is tried.
	for range 3 {
		s.port, s.peerPort = FreePort(t), FreePort(t)
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatalf("%s does not start: %v\n%s", kind.Name, err, tail(s.logPath(), 40))
	return nil
}

// Kind tells which program this is.
func (s *Server) Kind() Kind { return s.kind }

// Address is the host and port of the client side.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Port is the port of the client side.
func (s *Server) Port() int { return s.port }

// Dir is the directory with the server's data.
func (s *Server) Dir() string { return s.dir }

// Pid is the process id of the running server.
func (s *Server) Pid() int { return s.process.command.Process.Pid }

// Stop ends the server in the ordinary way and waits for its end.
func (s *Server) Stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
}

// Kill ends the server with SIGKILL and waits for its end.
func (s *Server) Kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
}

// Restart starts the server again, after Stop or Kill, with the same data on the same port.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatalf("%s does not start again: %v\n%s", s.kind.Name, err, tail(s.logPath(), 40))
	}
}

// StartAndKill starts the server after Stop or Kill and kills it after a while, whether it is ready
// or not.
func (s *Server) StartAndKill(after time.Duration) {
	s.t.Helper()
	p, err := s.launch()
	if err != nil {
		s.t.Fatalf("start %s: %v", s.kind.Name, err)
	}
	s.process = p
	select {
	case <-p.exited:
		s.t.Fatalf("%s ended by itself: %v\n%s", s.kind.Name, p.command.ProcessState,
			tail(s.logPath(), 40))
	case <-time.After(after):
	}
	s.Kill()
}

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	p := s.process
	if p == nil {
		s.t.Fatalf("%s is not running", s.kind.Name)
	}
	s.process = nil
	if err := p.command.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatalf("signal %v to %s: %v", sig, s.kind.Name, err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.exited
		s.t.Fatalf("%s did not end within %v of %v\n%s", s.kind.Name, stopTimeout, sig,
			tail(s.logPath(), 40))
	}
}

func (s *Server) cleanUp() {
	if p := s.process; p != nil {
		s.process = nil
		_ = p.command.Process.Kill()
		<-p.exited
	}
	if s.t.Failed() {
		s.t.Logf("last lines of %s:\n%s", s.kind.Name, tail(s.logPath(), 40))
	}
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "server.log") }

func (s *Server) start() error {
	p, err := s.launch()
	if err != nil {
		return err
	}
	if err := s.waitReady(p); err != nil {
		_ = p.command.Process.Kill()
		<-p.exited
		return err
	}
	s.process = p
	return nil
}

func (s *Server) launch() (*process, error) {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := s.kind.arguments(s.dir, s.port, s.peerPort, s.options)
	p, err := run(s.kind.Binary, args, s.options.Env, log)
	if err == nil && s.continuer != nil {
		go s.continuer.follow(p)
	}
	return p, err
}

// withOrdinaryLimits runs a program with the limit of open files that a login has by default: a
// server that needs more has to raise it by itself.
const withOrdinaryLimits = `ulimit -Sn 1024 && exec "$0" "$@"`

// run starts a program that is killed by the kernel when the test process dies. That signal is tied
// to the thread that started it, so one locked thread starts the program and waits for it.
func run(binary string, args, env []string, log *os.File) (*process, error) {
	p := &process{
		command: exec.Command(
			"/bin/sh",
			append([]string{"-c", withOrdinaryLimits, binary}, args...)...),
		exited: make(chan struct{}),
	}
	p.command.Stdout, p.command.Stderr = log, log
	// Every flag of both servers has an environment variable: the tests' own ones must not be taken
	// for those.
	p.command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "ETCD") || strings.HasPrefix(variable, "KUBASE")
	})
	p.command.Env = append(p.command.Env, env...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait()
		}
	}()
	return p, <-started
}

// waitReady asks for a key until the server answers, ends, or takes too long.
func (s *Server) waitReady(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	kv := pb.NewKVClient(conn)
	for {
		attempt, end := context.WithTimeout(ctx, time.Second)
		_, err := kv.Range(attempt, &pb.RangeRequest{Key: []byte("health")})
		end()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the process ended: %v", p.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", startTimeout, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// FreePort picks a port below the range from which the kernel takes the ports of outgoing
// connections, so that no connection of a parallel test can take it before the server does.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(22000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return 0
}
