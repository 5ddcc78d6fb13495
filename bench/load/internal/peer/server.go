// Package peer runs the servers that are compared: each on a free loopback port, with its data in a
// directory of its own. A server dies with this process, whatever ends it.
package peer

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
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 60 * time.Second
)

// Server is one running server. Its methods are called by one goroutine at a time.
type Server struct {
	Kind    Kind
	address string
	// otherAddress is that of the second port.
	otherAddress string
	dir          string
	command      *exec.Cmd
	exited       chan struct{} // closed when the process has ended
}

// Ready asks a server for something; nil means that it answers.
type Ready func(ctx context.Context, address string) error

// Start starts a server with its data in dir and waits until it is ready.
func Start(ctx context.Context, kind Kind, dir string, ready Ready) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	// A port that was free can be taken before the server binds it: then another one is tried.
	for range 3 {
		var s *Server
		if s, err = launch(kind, dir); err != nil {
			continue
		}
		if err = s.waitReady(ctx, ready); err == nil {
			return s, nil
		}
		err = errors.Join(fmt.Errorf("%w; the end of its log:\n%s", err, s.LogTail(5)), s.Stop())
	}
	return nil, fmt.Errorf("%s does not start: %w", kind.Name, err)
}

// Address is the host and port of the client side, or "unix://" and the path of its socket.
func (s *Server) Address() string { return s.address }

// Pid is the process id.
func (s *Server) Pid() int { return s.command.Process.Pid }

// Stop ends the server in the ordinary way, or by force when that takes too long. A server that has
// ended already is no error.
func (s *Server) Stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		if !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(stopTimeout):
	}
	err := s.command.Process.Kill()
	<-s.exited
	return errors.Join(fmt.Errorf("%s did not end within %v of SIGTERM", s.Kind.Name, stopTimeout),
		err)
}

// LogTail is the end of what the server has printed.
func (s *Server) LogTail(lines int) string {
	content, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "server.log") }

// launch starts the process. The kernel ends it when this process dies; that is tied to the thread
// which started it, so one locked thread starts it and waits for its end.
func launch(kind Kind, dir string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	otherPort, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Kind:         kind,
		address:      loopback(port),
		otherAddress: loopback(otherPort),
		dir:          dir,
		command:      exec.Command(kind.Binary, kind.Arguments(dir, port, otherPort)...),
		exited:       make(chan struct{}),
	}
	if kind.Socket != nil {
		s.address = kind.Socket(dir)
	}
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.command.Dir = dir
	s.command.Stdout, s.command.Stderr = log, log
	s.command.Env = ordinaryEnvironment()
	// A group of its own, so that Ctrl-C reaches the servers through us, in order.
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.exited)
		err := s.command.Start()
		started <- err
		if err == nil {
			_ = s.command.Wait()
		}
	}()
	return s, <-started
}

// ordinaryEnvironment is ours without the variables that the servers would take for flags.
func ordinaryEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		for _, prefix := range []string{"ETCD", "KUBASE", "KUBE_", "KINE", "GOMAXPROCS", "GOGC"} {
			if strings.HasPrefix(variable, prefix) {
				return true
			}
		}
		return false
	})
}

// waitReady asks until the server answers, ends, or takes too long.
func (s *Server) waitReady(ctx context.Context, ready Ready) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		attempt, end := context.WithTimeout(ctx, time.Second)
		err := ready(attempt, s.address)
		end()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the process ended: %v", s.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePort picks a port below the range from which the kernel takes the ports of outgoing
// connections, so that no connection can take it before the server does.
func freePort() (int, error) {
	for range 100 {
		port := 10000 + rand.IntN(22000)
		if listener, err := net.Listen("tcp", loopback(port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}

// RemoveData removes what a server that has ended has stored.
func (s *Server) RemoveData() error { return os.RemoveAll(s.dir) }
