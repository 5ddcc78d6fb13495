package server

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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

// Options are what a test wants different from the ordinary server.
type Options struct {
	// Progress is the interval of progress notifications; 0 means one second.
	Progress time.Duration
	// TLS secures the client side; nil leaves it plain.
	TLS *TLS
	// Flags are added to the command line.
	Flags []string
	// Env are variables, NAME=VALUE, added to the environment.
	Env []string
	// Database is the directory of another server whose database this one shares; "" is its own.
	Database string
	// DatabaseAddress stands for the address of the database server, as that of a proxy does.
	DatabaseAddress string
	// DatabaseUser stands for the user in the endpoint of a database server.
	DatabaseUser string
	// DatabaseParameters are added to the endpoint of a database server: "name=value&…".
	DatabaseParameters string
	// MetricsPort is where kubase serves its metrics; 0 is nowhere.
	MetricsPort int
}

// TLS is the security of the client side: clients show a certificate that CAFile has signed.
type TLS struct {
	CertFile, KeyFile, CAFile string
	// Client is how the tests connect to such a server.
	Client *tls.Config
}

// arguments is the command line of a server on a loopback port with its data in dir.
func (k Kind) arguments(dir string, port, peerPort int, options Options) []string {
	progress := cmp.Or(options.Progress, time.Second).String()
	var args []string
	switch k.Name {
	case "kubase":
		args = []string{
			"serve",
			"--listen-address", fmt.Sprintf("127.0.0.1:%d", port),
			"--endpoint", options.endpoint(dir),
			"--metrics-bind-address", options.metricsAddress(),
			"--watch-progress-notify-interval", progress,
		}
		args = append(args, options.TLS.flags(
			"--server-cert-file", "--server-key-file", "--client-ca-file")...)
	case "etcd":
		client := fmt.Sprintf("%s://127.0.0.1:%d", options.TLS.scheme(), port)
		peer := fmt.Sprintf("http://127.0.0.1:%d", peerPort)
		args = []string{
			"--name", "default",
			"--data-dir", filepath.Join(dir, "etcd"),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", "default=" + peer,
			"--watch-progress-notify-interval", progress,
			"--log-level", "warn",
		}
		args = append(args, options.TLS.flags("--cert-file", "--key-file", "--trusted-ca-file")...)
	default:
		panic("unknown kind of server " + k.Name)
	}
	return append(args, options.Flags...)
}

// EndpointVariable names a database server that kubase keeps its data in, instead of a file of
// SQLite (tests/databases). Each directory of a test has a database of its own there.
const EndpointVariable = "KUBASE_TEST_ENDPOINT"

// IsSQLite tells whether kubase keeps its data in a file of SQLite.
func IsSQLite() bool { return os.Getenv(EndpointVariable) == "" }

// Endpoint is where kubase keeps the data of a server with this directory.
func Endpoint(dir string) string {
	if IsSQLite() {
		return "sqlite://" + filepath.Join(dir, "kubase.db")
	}
	endpoint := os.Getenv(EndpointVariable)
	place := endpoint[:strings.LastIndex(endpoint, "/")+1]
	return fmt.Sprintf("%stest_%x", place, sha256.Sum256([]byte(dir)))[:len(place)+40]
}

// IsPostgres tells whether kubase keeps its data on a server of PostgreSQL.
func IsPostgres() bool { return strings.HasPrefix(os.Getenv(EndpointVariable), "postgres://") }

// IsCluster tells whether the database server is one of several nodes.
func IsCluster() bool { return strings.Contains(os.Getenv(EndpointVariable), ",") }

// databaseAddress is the address of the database server in its endpoint.
var databaseAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// DatabaseAddress is where the database server listens that the tests were given.
func DatabaseAddress() string {
	return databaseAddress.FindString(os.Getenv(EndpointVariable))
}

func (o Options) endpoint(dir string) string {
	endpoint := Endpoint(cmp.Or(o.Database, dir))
	if o.DatabaseAddress != "" {
		endpoint = databaseAddress.ReplaceAllLiteralString(endpoint, o.DatabaseAddress)
	}
	if o.DatabaseUser != "" {
		scheme, rest, _ := strings.Cut(endpoint, "://")
		_, rest, _ = strings.Cut(rest, "@")
		endpoint = scheme + "://" + o.DatabaseUser + "@" + rest
	}
	if o.DatabaseParameters != "" {
		endpoint += "?" + o.DatabaseParameters
	}
	return endpoint
}

func (o Options) metricsAddress() string {
	if o.MetricsPort == 0 {
		return "0"
	}
	return fmt.Sprintf("127.0.0.1:%d", o.MetricsPort)
}

func (t *TLS) scheme() string {
	if t == nil {
		return "http"
	}
	return "https"
}

func (t *TLS) flags(cert, key, ca string) []string {
	if t == nil {
		return nil
	}
	return []string{cert, t.CertFile, key, t.KeyFile, ca, t.CAFile}
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
