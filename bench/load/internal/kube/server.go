// Package kube runs a kube-apiserver over a store and speaks to it as its clients do.
package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"kubase/bench/load/internal/peer"
	"kubase/bench/load/internal/resource"
)

// Program is a kube-apiserver.
type Program struct {
	// Binary is the path of the executable.
	Binary string
	// Component is its first argument if it is several programs in one.
	Component string
	// WatchCache says whether it keeps all objects in memory.
	WatchCache bool
}

// Server is a running kube-apiserver. What asks for objects may be called at the same time.
type Server struct {
	*peer.Server
	client *http.Client
	dir    string
	token  string
	url    string
}

// Start starts a kube-apiserver with its files in dir and the namespace of our objects, and waits
// until it is ready. The store is at a host and port, or at "unix://PATH".
func Start(ctx context.Context, program Program, store, dir string) (*Server, error) {
	if !strings.HasPrefix(store, "unix://") {
		store = "http://" + store
	}
	token, err := writeToken(dir)
	if err := errors.Join(err, writeSigningKey(dir)); err != nil {
		return nil, err
	}
	s := &Server{dir: dir, token: token}
	kind := peer.Kind{Name: "kube-apiserver", Binary: program.Binary,
		Arguments: func(dir string, port, _ int) []string { return program.arguments(store, dir, port) }}
	s.Server, err = peer.Start(ctx, kind, dir, func(ctx context.Context, address string) error {
		if s.client == nil { // the server writes its certificate when it starts
			if s.client, err = newHTTPClient(certificateIn(dir), token); err != nil {
				return err
			}
		}
		s.url = "https://" + address
		return s.answers(ctx, "/readyz")
	})
	if err != nil {
		return nil, err
	}
	return s, s.createNamespace(ctx)
}

func (s *Server) createNamespace(ctx context.Context) error {
	namespace := fmt.Appendf(nil, `{"metadata":{"name":%q}}`, resource.Namespace)
	_, err := s.do(ctx, http.MethodPost, "/api/v1/namespaces", namespace)
	return err
}

// Stop ends the connections and the server.
func (s *Server) Stop() error {
	s.client.CloseIdleConnections()
	return s.Server.Stop()
}

// arguments are the same for all programs and stores but for the watch cache. A server on loopback
// cannot publish its address as an endpoint of the cluster.
func (p Program) arguments(store, dir string, port int) []string {
	flags := []string{
		"--advertise-address=127.0.0.1",
		"--authorization-mode=RBAC",
		"--bind-address=127.0.0.1",
		"--cert-dir=" + filepath.Join(dir, certificates),
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + store,
		"--max-mutating-requests-inflight=200",
		"--max-requests-inflight=400",
		"--profiling=false",
		fmt.Sprintf("--secure-port=%d", port),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + filepath.Join(dir, signingKey),
		"--service-account-signing-key-file=" + filepath.Join(dir, signingKey),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--storage-backend=etcd3",
		"--token-auth-file=" + filepath.Join(dir, tokens),
		fmt.Sprintf("--watch-cache=%t", p.WatchCache),
	}
	if p.Component != "" {
		return append([]string{p.Component}, flags...)
	}
	return flags
}
