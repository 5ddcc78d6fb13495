package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// Usage is what a process has used since its start, but for Private and RSS, which it holds now.
type Usage struct {
	CPU          time.Duration
	Private      int64 // bytes of memory that the system cannot take back: no pages of mapped files
	RSS          int64 // bytes, mapped files with them, once for each mapping
	PeakRSS      int64 // bytes
	Switches     int64 // context switches, of both kinds, of the threads that live
	WrittenBytes int64 // to the disk
}

// Since is the difference to an earlier reading; what is held stays as it is.
func (u Usage) Since(earlier Usage) Usage {
	u.CPU -= earlier.CPU
	u.Switches -= earlier.Switches
	u.WrittenBytes -= earlier.WrittenBytes
	return u
}

// Usage reads what the server has used.
func (s *Server) Usage() (Usage, error) { return ReadUsage(s.Pid()) }

// ReadUsage reads what a process has used.
func ReadUsage(pid int) (Usage, error) {
	folder := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return Usage{}, err
	}
	var usage Usage
	if usage.CPU, err = cpuOf(string(stat)); err != nil {
		return Usage{}, err
	}
	status, err := fields(filepath.Join(folder, "status"))
	if err != nil {
		return Usage{}, err
	}
	usage.Private = (status["RssAnon"] + status["RssShmem"]) * 1024
	usage.RSS, usage.PeakRSS = status["VmRSS"]*1024, status["VmHWM"]*1024
	io, err := fields(filepath.Join(folder, "io"))
	if err != nil {
		return Usage{}, err
	}
	usage.WrittenBytes = io["write_bytes"]
	usage.Switches, err = switches(folder)
	return usage, err
}

// cpuOf adds the user and system time of a line of /proc/PID/stat. The name before it is in
// parentheses and may hold anything.
func cpuOf(stat string) (time.Duration, error) {
	columns := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(columns) < 13 {
		return 0, fmt.Errorf("no line of /proc/PID/stat: %q", stat)
	}
	user, errUser := strconv.ParseInt(columns[11], 10, 64)
	system, errSystem := strconv.ParseInt(columns[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// fields reads a file of lines "name: number ...".
func fields(path string) (map[string]int64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int64{}
	for line := range strings.Lines(string(content)) {
		name, value, found := strings.Cut(line, ":")
		words := strings.Fields(value)
		if !found || len(words) == 0 {
			continue
		}
		if number, err := strconv.ParseInt(words[0], 10, 64); err == nil {
			numbers[name] = number
		}
	}
	return numbers, nil
}

func switches(folder string) (int64, error) {
	threads, err := os.ReadDir(filepath.Join(folder, "task"))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, thread := range threads {
		status, err := fields(filepath.Join(folder, "task", thread.Name(), "status"))
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended in between
		}
		if err != nil {
			return 0, err
		}
		sum += status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]
	}
	return sum, nil
}

// Settle waits until the server does no work of its own any more, such as a checkpoint after many
// writes, so that the next measurement, of another server, has the machine for itself. After five
// seconds it goes on in any case.
func (s *Server) Settle(ctx context.Context) error { return Settle(ctx, s.Pid()) }

// Settle is that of any process.
func Settle(ctx context.Context, pid int) error {
	const window, quiet = 100 * time.Millisecond, tick
	deadline := time.Now().Add(5 * time.Second)
	last, err := ReadUsage(pid)
	for err == nil && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(window):
		}
		var now Usage
		if now, err = ReadUsage(pid); err == nil && now.Since(last).CPU <= quiet {
			return nil
		}
		last = now
	}
	return err
}
