package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"kubase/bench/load/internal/peer"
)

// Appliance is a running "kubase up", a whole control plane. Its Server has kubase as its process
// and speaks to its kube-apiserver.
type Appliance struct {
	*Server
	Manager *Manager
	// Store is the address of the etcd API.
	Store string
	// Pids are all its processes.
	Pids []int
}

// Up starts kubase with its files in dir and the namespace of our objects, and waits until all of
// it is ready. Its presets are as they are; profiling lets a benchmark ask kube-controller-manager
// to collect the garbage of its memory.
func Up(ctx context.Context, binary, dir string) (*Appliance, error) {
	token, err := writeToken(dir)
	if err != nil {
		return nil, err
	}
	a := &Appliance{Server: &Server{dir: dir, token: token}}
	status := ""
	kind := peer.Kind{Name: "kubase up", Binary: binary, Metrics: true,
		Arguments: func(dir string, port, statusPort int) []string {
			a.url = fmt.Sprintf("https://127.0.0.1:%d", port)
			status = fmt.Sprintf("127.0.0.1:%d", statusPort)
			return upArguments(dir, port, status)
		}}
	a.Server.Server, err = peer.Start(ctx, kind, dir, func(ctx context.Context, _ string) error {
		return isReady(ctx, "http://"+status+"/readyz")
	})
	if err != nil {
		return nil, err
	}
	a.client, err = newHTTPClient(filepath.Join(dir, "data/pki/ca.crt"), token)
	if err != nil {
		return a, err
	}
	return a, errors.Join(a.findProcesses(ctx), a.createNamespace(ctx))
}

func upArguments(dir string, port int, status string) []string {
	return []string{
		"up",
		"--data-dir", filepath.Join(dir, "data"),
		"--kubeconfig", "none",
		"--secure-port", fmt.Sprint(port),
		"--status-bind-address", status,
		"--log-format", "plain",
		"--kube-apiserver-arg", "token-auth-file=" + filepath.Join(dir, tokens),
		"--kube-controller-manager-arg", "profiling=true",
	}
}

// isReady asks kubase, for which its policy belongs to it: whatever is created then has the label.
func isReady(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// findProcesses asks kubase for its components, and reads from their command lines where they
// listen.
func (a *Appliance) findProcesses(ctx context.Context) error {
	output, err := exec.CommandContext(ctx, a.Kind.Binary, "status", "--data-dir",
		filepath.Join(a.dir, "data"), "-o", "json").Output()
	if err != nil {
		return fmt.Errorf("kubase status: %w", err)
	}
	var status struct {
		Processes []struct {
			Name string
			Pid  int
		}
	}
	if err := json.Unmarshal(output, &status); err != nil {
		return err
	}
	a.Pids = []int{a.Pid()}
	for _, process := range status.Processes {
		a.Pids = append(a.Pids, process.Pid)
		switch process.Name {
		case "kube-apiserver":
			a.Store, err = flagOf(process.Pid, "--etcd-servers")
		case "kube-controller-manager":
			var port string
			port, err = flagOf(process.Pid, "--secure-port")
			a.Manager = &Manager{pid: process.Pid,
				web: Server{client: a.client, url: "https://127.0.0.1:" + port}}
		}
		if err != nil {
			return err
		}
	}
	if a.Store == "" || a.Manager == nil {
		return fmt.Errorf("kubase runs %v", status.Processes)
	}
	return nil
}

// flagOf is the value of a flag on the command line of a process.
func flagOf(pid int, name string) (string, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", err
	}
	for argument := range strings.SplitSeq(string(content), "\x00") {
		if value, found := strings.CutPrefix(argument, name+"="); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("process %d has no flag %s", pid, name)
}
