package peer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Kind is a program that is run, mostly one that serves the etcd API.
type Kind struct {
	// Name is "kubase", "etcd", "kine" or "kube-apiserver".
	Name string
	// Binary is the path of the executable.
	Binary string
	// Arguments is the command line for a data directory and two loopback ports, of which the first
	// is for clients.
	Arguments func(dir string, port, otherPort int) []string
	// Socket is where clients connect instead, for a data directory; nil is the first port.
	Socket func(dir string) string
	// Metrics says that the other port serves metrics.
	Metrics bool
	// BulkPuts says that a transaction may hold many puts.
	BulkPuts bool
	// DropsSlowWatchers says that a watcher which cannot keep up is canceled.
	DropsSlowWatchers bool
	// CacheLags says that a watch cache over it can believe to be up to date when it is not, so that
	// a list may miss what was written before it.
	CacheLags bool
}

// Kubase is our server: SQLite with WAL and synchronous=FULL, which is its default.
func Kubase(binary string) Kind {
	return Kind{Name: "kubase", Binary: binary, BulkPuts: true, Metrics: true,
		Arguments: func(dir string, port, metricsPort int) []string {
			return []string{
				"serve",
				"--listen-address", loopback(port),
				"--endpoint", "sqlite://" + filepath.Join(dir, "kubase.db"),
				"--metrics-bind-address", loopback(metricsPort),
			}
		}}
}

// Etcd is one member that syncs its log to the disk, which is its default, with room for more than
// its usual two gigabytes.
func Etcd(binary string) Kind {
	return Kind{Name: "etcd", Binary: binary, BulkPuts: true,
		Arguments: func(dir string, port, peerPort int) []string {
			client, peer := "http://"+loopback(port), "http://"+loopback(peerPort)
			return []string{
				"--name", "default",
				"--data-dir", filepath.Join(dir, "etcd"),
				"--listen-client-urls", client, "--advertise-client-urls", client,
				"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
				"--initial-cluster", "default=" + peer,
				"--quota-backend-bytes", fmt.Sprint(int64(8) << 30),
				"--log-level", "error",
			}
		}}
}

// Kine keeps its data in SQLite with the options that it has by default.
func Kine(binary string) Kind {
	const options = "?_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"
	return Kind{Name: "kine", Binary: binary, DropsSlowWatchers: true, CacheLags: true,
		Arguments: func(dir string, port, _ int) []string {
			return []string{
				"--listen-address", loopback(port),
				"--endpoint", "sqlite://" + filepath.Join(dir, "kine.db") + options,
				"--metrics-bind-address", "0",
			}
		}}
}

// IsKubase tells ours from its peers.
func (k Kind) IsKubase() bool { return strings.HasPrefix(k.Name, "kubase") }

// On is the same program with its data on a database server, in a database of its own there. The
// endpoint names the server, as both programs take it.
func (k Kind) On(engine, endpoint string) Kind {
	k.Name += "-" + engine
	return k.with("--endpoint", func(dir string) string {
		database := "bench_" + strings.NewReplacer("-", "_").Replace(filepath.Base(dir))
		return endpoint[:strings.LastIndex(endpoint, "/")+1] + database
	})
}

// OnSocket is kubase as "kubase up" runs it under a kube-apiserver on the same machine: on a unix
// socket. Another program stays as it is.
func (k Kind) OnSocket() Kind {
	if k.Name != "kubase" {
		return k
	}
	k.Socket = func(dir string) string { return "unix://" + filepath.Join(dir, "etcd.sock") }
	return k.with("--listen-address", k.Socket)
}

// with is the same program with another value for a flag that it has.
func (k Kind) with(flag string, value func(dir string) string) Kind {
	before := k.Arguments
	k.Arguments = func(dir string, port, otherPort int) []string {
		arguments := before(dir, port, otherPort)
		arguments[slices.Index(arguments, flag)+1] = value(dir)
		return arguments
	}
	return k
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
