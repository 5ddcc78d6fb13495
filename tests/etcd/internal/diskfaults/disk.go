// Package diskfaults lets the disk under a server fail: the n-th write or sync of its database ends
// with an error, or is late, once or until it is healed. It needs the library that
// tests/support/disk_faults.cc becomes, in DISK_FAULTS_LIB.
package diskfaults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Call is what fails.
type Call string

// Grow is a write that makes its file longer: what a full disk refuses.
const (
	Write    Call = "write"
	Grow     Call = "grow"
	Sync     Call = "sync"
	Truncate Call = "truncate"
)

// Action is how it fails.
type Action string

const (
	// InputOutput is the error EIO.
	InputOutput Action = "EIO"
	// NoSpace is the error ENOSPC.
	NoSpace Action = "ENOSPC"
)

// Late lets calls succeed after a while.
func Late(by time.Duration) Action { return Action(fmt.Sprint(by.Milliseconds())) }

// Fault is met by Count calls from the First on, counted from 1; by all of them when Count is 0.
type Fault struct {
	Call         Call
	Action       Action
	First, Count int
}

func (f Fault) String() string {
	return fmt.Sprintf("%s %s %d %d", f.Call, f.Action, f.First, f.Count)
}

// Disk is that of one server.
type Disk struct {
	t       testing.TB
	library string
	control string
	serial  int
	before  int64
}

// New is a healthy disk.
func New(t testing.TB) *Disk {
	t.Helper()
	library := os.Getenv("DISK_FAULTS_LIB")
	if library == "" {
		t.Fatal("DISK_FAULTS_LIB is not set: this test needs the path of the library that " +
			"tests/support/disk_faults.cc becomes (target kubase_disk_faults)")
	}
	d := &Disk{t: t, library: library, control: filepath.Join(t.TempDir(), "disk")}
	d.write("")
	return d
}

// Env is what a server's environment needs.
func (d *Disk) Env() []string {
	return []string{
		"LD_PRELOAD=" + d.library, "DISK_FAULTS=" + d.control,
		// Where the server has the address sanitizer, that does not come first then.
		"ASAN_OPTIONS=" + os.Getenv("ASAN_OPTIONS") + ":verify_asan_link_order=0",
	}
}

// Set begins a fault, instead of the one before.
func (d *Disk) Set(fault Fault) {
	d.t.Helper()
	d.serial++
	d.before = d.size()
	d.write(fmt.Sprintf("%v %d", fault, d.serial))
}

// Heal ends the fault.
func (d *Disk) Heal() {
	d.t.Helper()
	d.write("")
}

// Met is how many calls have met the fault since it was set.
func (d *Disk) Met() int64 { return d.size() - d.before }

func (d *Disk) size() int64 {
	info, err := os.Stat(d.control + ".met")
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		d.t.Errorf("how often the fault was met: %v", err)
		return 0
	}
	return info.Size()
}

// write replaces the file as a whole, since the server reads it at any time.
func (d *Disk) write(text string) {
	d.t.Helper()
	if err := os.WriteFile(d.control+".new", []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.control+".new", d.control); err != nil {
		d.t.Fatal(err)
	}
}
