package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// How often the state of a process is looked at: it gives no event to others than its parent's
// wait.
const pollInterval = 2 * time.Millisecond

// Failpoints returns the names of the places at which kubase can be let die or stop. It asks the
// binary, so that nobody has to keep a list.
func Failpoints(t testing.TB) []string {
	t.Helper()
	command := exec.Command(Kubase(t).Binary, "serve")
	command.Env = append(os.Environ(), "KUBASE_FAILPOINTS=?")
	output, err := command.CombinedOutput()
	_, list, found := strings.Cut(string(output), "the names: ")
	if err == nil || !found {
		t.Fatalf("kubase does not tell its failpoints: %v\n%s", err, output)
	}
	return strings.Split(strings.TrimSpace(list), ", ")
}

// ReachedFailpoints tells which of them have let a process of this server die or stop.
func (s *Server) ReachedFailpoints() map[string]bool {
	s.t.Helper()
	log, err := os.ReadFile(s.logPath())
	if err != nil {
		s.t.Fatalf("read what %s wrote: %v", s.kind.Name, err)
	}
	reached := map[string]bool{}
	for line := range strings.Lines(string(log)) {
		if name, is := strings.CutPrefix(line, "failpoint "); is {
			if name, is := strings.CutSuffix(name, ": reached\n"); is {
				reached[name] = true
			}
		}
	}
	return reached
}

// HasLogged tells whether a text is in what the processes of this server have logged.
func (s *Server) HasLogged(text string) bool {
	s.t.Helper()
	log, err := os.ReadFile(s.logPath())
	if err != nil {
		s.t.Fatalf("read what %s wrote: %v", s.kind.Name, err)
	}
	return strings.Contains(string(log), text)
}

// Prepare makes a server with an empty data directory and does not start it: Launch does.
func Prepare(t testing.TB, kind Kind, options Options) *Server {
	t.Helper()
	s := &Server{
		t: t, kind: kind, dir: t.TempDir(), port: FreePort(t), peerPort: FreePort(t),
		options: options,
	}
	t.Cleanup(s.cleanUp)
	return s
}

// SetEnv replaces what the options added to the environment, from the next start on.
func (s *Server) SetEnv(variables ...string) { s.options.Env = variables }

// Launch starts a server that does not run. It tells whether it became ready: false when a SIGKILL
// ended it before that, as a failpoint does.
func (s *Server) Launch() bool {
	s.t.Helper()
	p, err := s.launch()
	if err != nil {
		s.t.Fatalf("start %s: %v", s.kind.Name, err)
	}
	s.process = p
	if err := s.waitReady(p); err == nil {
		return true
	} else if !p.diedOf(syscall.SIGKILL) {
		s.t.Fatalf("%s does not start: %v\n%s", s.kind.Name, err, tail(s.logPath(), 40))
	}
	s.process = nil
	return false
}

// FailToStart starts a server that has to end by itself, with an error, before it is ready, and
// returns the last line that it wrote.
func (s *Server) FailToStart() string {
	s.t.Helper()
	p, err := s.launch()
	if err != nil {
		s.t.Fatalf("start %s: %v", s.kind.Name, err)
	}
	s.process = p
	if s.waitReady(p) == nil {
		s.t.Fatalf("%s has started", s.kind.Name)
	}
	s.process = nil
	if code := p.command.ProcessState.ExitCode(); code != 1 {
		s.t.Errorf("%s ended with the exit code %d, want 1", s.kind.Name, code)
	}
	return tail(s.logPath(), 1)
}

// AwaitKilled waits until a SIGKILL that this process sent itself has ended it, and returns false
// when that does not happen in time.
func (s *Server) AwaitKilled(limit time.Duration) bool {
	s.t.Helper()
	p := s.process
	select {
	case <-p.exited:
	case <-time.After(limit):
		return false
	}
	if !p.diedOf(syscall.SIGKILL) {
		s.t.Fatalf("%s ended: %v\n%s", s.kind.Name, p.command.ProcessState, tail(s.logPath(), 40))
	}
	s.process = nil
	return true
}

// Freeze stops the process, as a machine does that swaps or migrates. Its connections stay open, and
// what comes on them waits.
func (s *Server) Freeze() {
	s.t.Helper()
	if err := syscall.Kill(s.Pid(), syscall.SIGSTOP); err != nil {
		s.t.Fatalf("freeze %s: %v", s.kind.Name, err)
	}
	// Its threads stop one after the other.
	for deadline := time.Now().Add(stopTimeout); !s.process.stopped(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not freeze", s.kind.Name)
		}
	}
}

// Thaw lets it go on.
func (s *Server) Thaw() {
	s.t.Helper()
	if err := syscall.Kill(s.Pid(), syscall.SIGCONT); err != nil {
		s.t.Fatalf("thaw %s: %v", s.kind.Name, err)
	}
}

// Frozen tells whether the process is stopped: by Freeze, or by itself at a failpoint.
func (s *Server) Frozen() bool { return s.process.stopped() }

// diedOf tells whether the process has ended by this signal.
func (p *process) diedOf(sig syscall.Signal) bool {
	select {
	case <-p.exited:
		status, is := p.command.ProcessState.Sys().(syscall.WaitStatus)
		return is && status.Signaled() && status.Signal() == sig
	default:
		return false
	}
}

// Continuer lets a process go on each time it was stopped.
type Continuer struct {
	pause time.Duration
	stops atomic.Int64
}

// ContinueAfter makes every process that is started from now on go on by SIGCONT after it was
// stopped for this long.
func (s *Server) ContinueAfter(pause time.Duration) *Continuer {
	s.continuer = &Continuer{pause: pause}
	return s.continuer
}

// Stops is how often a process was found stopped.
func (c *Continuer) Stops() int64 { return c.stops.Load() }

func (c *Continuer) follow(p *process) {
	for {
		wait := pollInterval
		if p.stopped() {
			c.stops.Add(1)
			wait = c.pause
		}
		select {
		case <-p.exited:
			return
		case <-time.After(wait):
		}
		if wait == c.pause {
			_ = p.command.Process.Signal(syscall.SIGCONT)
		}
	}
}

// stopped tells whether all threads are. Their state is behind the name of the program, which is in
// parentheses.
func (p *process) stopped() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.command.Process.Pid))
	if err != nil || len(threads) == 0 {
		return false // it has ended
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		_, state, found := strings.Cut(string(text), ") ")
		if err != nil || !found || !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}
