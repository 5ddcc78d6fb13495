package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"kubase/bench/load/internal/peer"
)

// heapInUse is what the Go heap has in use, in bytes.
const heapInUse = "go_memstats_heap_inuse_bytes"

// Manager is a running kube-controller-manager.
type Manager struct {
	*peer.Server // nil where another process runs it
	pid          int
	web          Server // its own pages
}

// Memory is what a process of Go holds.
type Memory struct {
	HeapInUse int64 // bytes
	peer.Usage
}

// StartManager starts an unchanged kube-controller-manager beside a kube-apiserver, with the flags
// that "kubase up" gives to ours, as far as they say what it does, and with further ones.
func StartManager(ctx context.Context, binary string, api *Server, dir string,
	flags ...string) (*Manager, error) {
	kubeconfig, err := api.writeKubeconfig(dir)
	if err != nil {
		return nil, err
	}
	m := &Manager{web: Server{client: api.client}}
	kind := peer.Kind{Name: "kube-controller-manager", Binary: binary,
		Arguments: func(_ string, port, _ int) []string {
			return slices.Concat(managerArguments(kubeconfig, api.dir, port), flags)
		}}
	m.Server, err = peer.Start(ctx, kind, dir, func(ctx context.Context, address string) error {
		m.web.url = "https://" + address
		return m.web.answers(ctx, "/healthz")
	})
	if err != nil {
		return nil, err
	}
	m.pid = m.Server.Pid()
	return m, nil
}

// managerArguments have the certificate of kube-apiserver, so that one client trusts both.
func managerArguments(kubeconfig, apiDir string, port int) []string {
	return []string{
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--controllers=*,bootstrapsigner,tokencleaner",
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--profiling=true",
		"--root-ca-file=" + certificateIn(apiDir),
		fmt.Sprintf("--secure-port=%d", port),
		"--service-account-private-key-file=" + filepath.Join(apiDir, signingKey),
		"--tls-cert-file=" + certificateIn(apiDir),
		"--tls-private-key-file=" + certificateKeyIn(apiDir),
		"--use-service-account-credentials=true",
	}
}

// writeKubeconfig writes how the administrator reaches the server; JSON is YAML too.
func (s *Server) writeKubeconfig(dir string) (string, error) {
	path := filepath.Join(dir, "kubeconfig")
	content := fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"bench",`+
		`"clusters":[{"name":"bench","cluster":{"server":%q,"certificate-authority":%q}}],`+
		`"users":[{"name":"admin","user":{"token":%q}}],`+
		`"contexts":[{"name":"bench","context":{"cluster":"bench","user":"admin"}}]}`+"\n",
		s.url, certificateIn(s.dir), s.token)
	return path, os.WriteFile(path, content, 0o600)
}

// Pid is the process id.
func (m *Manager) Pid() int { return m.pid }

// Memory lets the process collect its garbage and says what it holds then. A second collection
// frees what was kept in pools until the first.
func (m *Manager) Memory(ctx context.Context) (Memory, error) {
	for range 2 {
		if _, err := m.web.do(ctx, http.MethodGet, "/debug/pprof/heap?gc=1", nil); err != nil {
			return Memory{}, err
		}
	}
	content, err := m.web.do(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return Memory{}, err
	}
	counters, err := peer.CountersIn(string(content), heapInUse)
	if err == nil && counters[heapInUse] == 0 {
		err = fmt.Errorf("kube-controller-manager has no metric %s", heapInUse)
	}
	usage, errUsage := peer.ReadUsage(m.pid)
	return Memory{int64(counters[heapInUse]), usage}, errors.Join(err, errUsage)
}
