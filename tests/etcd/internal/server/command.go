package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Kind says which program is under test.
type Kind struct {
	// Name is "kubase" or "etcd".
	Name string
	// Binary is the path of the executable.
	Binary string
}

// Kubase is our server, from KUBASE_BIN. It fails the test when the variable is not set.
func Kubase(t testing.TB) Kind { return fromEnvironment(t, "kubase", "KUBASE_BIN") }

// Etcd is the oracle, from ETCD_BIN. It fails the test when the variable is not set.
func Etcd(t testing.TB) Kind { return fromEnvironment(t, "etcd", "ETCD_BIN") }

// UnderTest is what the contract tests run against: KUBASE_BIN, or ETCD_BIN when only that is
// given.
func UnderTest(t testing.TB) Kind {
	t.Helper()
	if os.Getenv("KUBASE_BIN") == "" && os.Getenv("ETCD_BIN") == "" {
		t.Fatal("no server to test: set KUBASE_BIN=/path/to/kubase, or ETCD_BIN=/path/to/etcd " +
			"(tests/etcd-server builds one)")
	}
	if os.Getenv("KUBASE_BIN") != "" {
		return Kubase(t)
	}
	return Etcd(t)
}

func fromEnvironment(t testing.TB, name, variable string) Kind {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: this test needs the path of an executable %s", variable, name)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatalf("%s=%s: %v", variable, path, err)
	}
	if _, err := os.Stat(absolute); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return Kind{Name: name, Binary: absolute}
}

// arguments is the command line of a server on a loopback port with its data in dir.
func (k Kind) arguments(dir string, port, peerPort int, extra []string) []string {
	var args []string
	switch k.Name {
	case "kubase":
		args = []string{
			"serve",
			"--listen-address", fmt.Sprintf("127.0.0.1:%d", port),
			"--endpoint", "sqlite://" + filepath.Join(dir, "kubase.db"),
			"--metrics-bind-address", "0",
			"--watch-progress-notify-interval", "1s",
		}
	case "etcd":
		client := fmt.Sprintf("http://127.0.0.1:%d", port)
		peer := fmt.Sprintf("http://127.0.0.1:%d", peerPort)
		args = []string{
			"--name", "default",
			"--data-dir", filepath.Join(dir, "etcd"),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", "default=" + peer,
			"--watch-progress-notify-interval", "1s",
			"--log-level", "warn",
		}
	default:
		panic("unknown kind of server " + k.Name)
	}
	return append(args, extra...)
}

// tail returns the last lines of a log file, for the report of a failed test.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}
