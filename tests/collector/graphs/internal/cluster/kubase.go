package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/tools/clientcmd"
)

// Kubase starts kubase. No object gets the label from its policy, so that both clusters have the
// same ones.
func Kubase(ctx context.Context, binary string) (*Cluster, error) {
	c, err := newCluster("kubase")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dataDir := filepath.Join(c.dir, "data")
	k := &kubase{cluster: c, binary: binary, dataDir: dataDir, arguments: append([]string{"up",
		"--data-dir", dataDir, "--kubeconfig", "none", "--secure-port", strconv.Itoa(ports[0]),
		"--skip-metadata-caching", "none"},
		flags("--kube-controller-manager-arg=%s=%s", fast)...)}
	c.stops = append(c.stops, func() {
		if k.process != nil {
			k.process.stop()
		}
	})
	c.Restart = func(ctx context.Context) error {
		k.process.kill()
		return k.up(ctx)
	}
	if err := k.up(ctx); err != nil {
		return c, err
	}
	content, err := k.run(ctx, "kubeconfig")
	if err != nil {
		return c, err
	}
	c.Config, err = clientcmd.RESTConfigFromKubeConfig(content)
	return c, err
}

type kubase struct {
	cluster         *Cluster
	binary, dataDir string
	arguments       []string
	process         *process
}

func (k *kubase) up(ctx context.Context) error {
	var err error
	if k.process, err = start(k.cluster.dir, k.binary, k.environment(), k.arguments...); err != nil {
		return err
	}
	return k.process.await(ctx, k.ready)
}

// environment keeps the user's kubeconfig out of it.
func (k *kubase) environment() []string {
	return []string{"HOME=" + k.cluster.dir, "KUBECONFIG=", "XDG_DATA_HOME=", "XDG_RUNTIME_DIR="}
}

func (k *kubase) run(ctx context.Context, verb string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, k.binary,
		append([]string{verb, "--data-dir", k.dataDir}, arguments...)...)
	command.Env = append(command.Environ(), k.environment()...)
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubase %s: %w", verb, err)
	}
	return output, nil
}

// ready tells whether kubase says of each of its components that it is ready.
func (k *kubase) ready(ctx context.Context) error {
	output, err := k.run(ctx, "status", "-o", "json")
	if err != nil {
		return err
	}
	var status struct{ Processes []struct{ State string } }
	if err := json.Unmarshal(output, &status); err != nil {
		return err
	}
	if len(status.Processes) < 2 {
		return errors.New("not all components run")
	}
	for _, process := range status.Processes {
		if process.State != "ready" {
			return fmt.Errorf("a component is %s", process.State)
		}
	}
	return nil
}
