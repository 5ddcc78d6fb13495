// Package testserver stands in for the package of that name in kube-apiserver's storage tests:
// instead of an etcd inside the test process it starts the server under test, kubase from
// KUBASE_BIN or a real etcd from ETCD_BIN, as a process of its own for every test.
//
// It has the functions that the tests call, and obeys what they set in etcd's configuration:
// certificates, the interval of progress notifications, the quota. It is built only in the copy of
// k8s.io/apiserver that tests/upstream/run.py makes, with tests/etcd/internal/server beside it.
package testserver

import (
	"cmp"
	"fmt"
	"net/url"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"k8s.io/apiserver/pkg/storage/etcd3/testserver/internal/server"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

// etcdProgress is how often etcd notifies of progress when it is not told otherwise.
const etcdProgress = 10 * time.Minute

// NewTestConfig returns the configuration that RunEtcd takes. The port is chosen by RunEtcd.
func NewTestConfig(t testing.TB) *embed.Config {
	t.Helper()
	config := embed.NewConfig()
	address := url.URL{Scheme: "http", Host: "localhost:0"}
	config.ListenClientUrls = []url.URL{address}
	config.AdvertiseClientUrls = []url.URL{address}
	return config
}

// RunEtcd starts a fresh server and returns a client of it, recording calls as upstream's does. Both
// end with the test. A nil configuration is that of NewTestConfig.
func RunEtcd(t testing.TB, config *embed.Config) *kubernetes.Client {
	t.Helper()
	if config == nil {
		config = NewTestConfig(t)
	}
	options := server.Options{Progress: cmp.Or(config.WatchProgressNotifyInterval, etcdProgress)}
	if !config.ClientTLSInfo.Empty() {
		options.TLS = security(t, config.ClientTLSInfo)
	}
	kind := server.UnderTest(t)
	if kind.Name == "etcd" && config.QuotaBackendBytes != 0 {
		options.Flags = append(options.Flags,
			fmt.Sprintf("--quota-backend-bytes=%d", config.QuotaBackendBytes))
	}
	running := server.StartWith(t, kind, options)
	t.Logf("server under test: %s, pid %d", kind.Name, running.Pid())
	return connect(t, fmt.Sprintf("%s://localhost:%d", config.ListenClientUrls[0].Scheme,
		running.Port()), options.TLS)
}

func security(t testing.TB, info transport.TLSInfo) *server.TLS {
	t.Helper()
	config, err := info.ClientConfig()
	if err != nil {
		t.Fatalf("client's side of the certificates: %v", err)
	}
	config.ServerName = "localhost"
	return &server.TLS{
		CertFile: info.CertFile, KeyFile: info.KeyFile, CAFile: info.TrustedCAFile, Client: config,
	}
}

func connect(t testing.TB, endpoint string, security *server.TLS) *kubernetes.Client {
	t.Helper()
	config := clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 10 * time.Second,
		Logger:      zaptest.NewLogger(t, zaptest.Level(zapcore.ErrorLevel)).Named("etcd-client"),
	}
	if security != nil {
		config.TLS = security.Client
	}
	client, err := kubernetes.New(config)
	if err != nil {
		t.Fatalf("client of %s: %v", endpoint, err)
	}
	// Without this, the client of a test that is over would go on knocking at its port, where the
	// server of another test may listen by then. The test may have closed it already.
	t.Cleanup(func() { _ = client.Close() })
	recorder := storagetesting.NewKubernetesRecorder(client.Kubernetes)
	client.KV = storagetesting.NewKVRecorder(client.KV, recorder)
	client.Kubernetes = recorder
	return client
}
