package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
)

// Cluster is one running control plane.
type Cluster struct {
	Name string
	// Config is how its administrator reaches it.
	Config *rest.Config
	// Restart kills it and starts it again; nil where that is not offered.
	Restart func(ctx context.Context) error
	dir     string
	stops   []func()
}

// Close ends it, and removes its data unless they are worth a look.
func (c *Cluster) Close(keep bool) error {
	for i := len(c.stops) - 1; i >= 0; i-- {
		c.stops[i]()
	}
	if keep {
		return nil
	}
	return os.RemoveAll(c.dir)
}

// Logs is where its programs write.
func (c *Cluster) Logs() string { return filepath.Join(c.dir, "*.log") }

func newCluster(name string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "collector-"+name+"-")
	return &Cluster{Name: name, dir: dir}, err
}

// ready asks a kube-apiserver whether it is ready.
func ready(ctx context.Context, config *rest.Config) error {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", response.Status)
	}
	return nil
}

// fast is for both controller-managers: they would spend the time of the test waiting for their own
// limit of requests.
var fast = map[string]string{
	"concurrent-gc-syncs":        "20",
	"concurrent-namespace-syncs": "10",
	"kube-api-burst":             "4000",
	"kube-api-qps":               "2000",
}

func flags(format string, values map[string]string) []string {
	var all []string
	for name, value := range values {
		all = append(all, fmt.Sprintf(format, name, value))
	}
	return all
}
