package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Programs are the executables of upstream.
type Programs struct{ Etcd, APIServer, ControllerManager string }

// upstream is unmodified Kubernetes while it is started.
type upstream struct {
	Programs
	*Cluster
	token string
}

// Upstream starts etcd, kube-apiserver and, after prepare, kube-controller-manager: it looks for new
// resources twice a minute only, so they better exist when it starts.
func Upstream(ctx context.Context, name string, programs Programs,
	prepare func(ctx context.Context, c *Cluster) error) (*Cluster, error) {
	c, err := newCluster(name)
	if err != nil {
		return nil, err
	}
	u := &upstream{programs, c, rand.Text()}
	if err := u.writeCredentials(); err != nil {
		return c, err
	}
	store, err := u.etcd(ctx)
	if err != nil {
		return c, err
	}
	if err := u.apiServer(ctx, store); err != nil {
		return c, err
	}
	if err := prepare(ctx, c); err != nil {
		return c, err
	}
	return c, u.controllerManager()
}

func (u *upstream) file(name string) string { return filepath.Join(u.dir, name) }

// writeCredentials writes the token of the administrator, and the key that signs those of service
// accounts. The server makes its certificate itself, and is trusted by that alone.
func (u *upstream) writeCredentials() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return errors.Join(
		os.WriteFile(u.file("service-account.key"), block, 0o600),
		os.WriteFile(u.file("tokens.csv"), []byte(u.token+",admin,admin,system:masters\n"), 0o600))
}

// etcd is spared its fsyncs: nobody kills it.
func (u *upstream) etcd(ctx context.Context) (string, error) {
	ports, err := freePorts(2)
	if err != nil {
		return "", err
	}
	client := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	p, err := start(u.dir, u.Etcd, nil, "--data-dir="+u.file("etcd"), "--name=one",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
		"--initial-cluster=one="+peer, "--unsafe-no-fsync", "--log-level=warn")
	if err != nil {
		return "", err
	}
	u.stops = append(u.stops, p.stop)
	return client, p.await(ctx, func(context.Context) error {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0]))
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

func (u *upstream) apiServer(ctx context.Context, store string) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	p, err := start(u.dir, u.APIServer, nil, flags("--%s=%s", map[string]string{
		"advertise-address":                "127.0.0.1",
		"authorization-mode":               "RBAC",
		"bind-address":                     "127.0.0.1",
		"cert-dir":                         u.file("certificates"),
		"endpoint-reconciler-type":         "none",
		"etcd-servers":                     store,
		"max-mutating-requests-inflight":   "200",
		"max-requests-inflight":            "400",
		"profiling":                        "false",
		"secure-port":                      strconv.Itoa(ports[0]),
		"service-account-issuer":           "https://kubernetes.default.svc.cluster.local",
		"service-account-key-file":         u.file("service-account.key"),
		"service-account-signing-key-file": u.file("service-account.key"),
		"service-cluster-ip-range":         "10.96.0.0/16",
		"token-auth-file":                  u.file("tokens.csv"),
	})...)
	if err != nil {
		return err
	}
	u.stops = append(u.stops, p.stop)
	u.Config = &rest.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", ports[0]),
		BearerToken:     u.token,
		TLSClientConfig: rest.TLSClientConfig{CAFile: u.certificate()},
	}
	return p.await(ctx, func(ctx context.Context) error { return ready(ctx, u.Config) })
}

func (u *upstream) certificate() string { return u.file("certificates/apiserver.crt") }

func (u *upstream) controllerManager() error {
	config := clientcmdapi.NewConfig()
	config.Clusters["upstream"] = &clientcmdapi.Cluster{Server: u.Config.Host,
		CertificateAuthority: u.certificate()}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: u.token}
	config.Contexts["upstream"] = &clientcmdapi.Context{Cluster: "upstream", AuthInfo: "admin"}
	config.CurrentContext = "upstream"
	if err := clientcmd.WriteToFile(*config, u.file("kubeconfig")); err != nil {
		return err
	}
	values := map[string]string{
		"kubeconfig":                       u.file("kubeconfig"),
		"leader-elect":                     "false",
		"profiling":                        "false",
		"secure-port":                      "0",
		"service-account-private-key-file": u.file("service-account.key"),
	}
	maps.Copy(values, fast)
	p, err := start(u.dir, u.ControllerManager, nil, flags("--%s=%s", values)...)
	if err != nil {
		return err
	}
	u.stops = append(u.stops, p.stop)
	return nil
}
