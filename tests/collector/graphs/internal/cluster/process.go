// Package cluster starts the two control planes that are compared: kubase, and unmodified
// Kubernetes on etcd. Both listen on loopback, with their data in temporary directories, and die
// with this process, whatever ends it.
package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 3 * time.Minute // generous: sanitized builds and busy machines start slowly
	stopTimeout  = time.Minute
	pollInterval = 50 * time.Millisecond
)

// process is one running program.
type process struct {
	command *exec.Cmd
	log     string
	exited  chan struct{} // closed when it has ended
}

// start starts a program with its output in a file of dir. The kernel ends it when the thread dies
// that started it, so one locked thread starts it and waits for its end.
func start(dir, binary string, environment []string, arguments ...string) (*process, error) {
	name := filepath.Base(binary)
	p := &process{command: exec.Command(binary, arguments...), exited: make(chan struct{}),
		log: filepath.Join(dir, name+".log")}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.command.Stdout, p.command.Stderr = log, log
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait() // how it ended is in its log
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// kill ends it at once.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.exited
}

// stop asks it to end, and ends it when that takes too long.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// await polls a condition of a process until it holds.
func (p *process) await(ctx context.Context, condition func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended; the end of its log:\n%s", p.command.Path, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; the end of its log:\n%s", p.command.Path, err,
				p.tail())
		case <-time.After(pollInterval):
		}
	}
}

func (p *process) tail() string {
	const lines = 15
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// freePorts are ports of loopback that nobody listens on, below the range from which the kernel
// takes the ports of outgoing connections, so that no connection can take one before its server
// does. They are taken together, so that they differ.
func freePorts(count int) ([]int, error) {
	var ports []int
	for attempt := 0; len(ports) < count; attempt++ {
		port := 10000 + rand.IntN(22000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil && attempt < 100 {
			continue // somebody has it
		}
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, port)
	}
	return ports, nil
}
