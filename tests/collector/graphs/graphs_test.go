// Package graphs runs random graphs of objects that own each other through kubase and through
// unmodified Kubernetes, which have to collect the same garbage. README.md says how.
package graphs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kubase/tests/collector/graphs/internal/cluster"
	"kubase/tests/collector/graphs/internal/graph"
	"kubase/tests/collector/graphs/internal/model"
	"kubase/tests/collector/graphs/internal/run"
)

var (
	count    = flag.Int("graphs", 60, "how many graphs")
	seed     = flag.Int64("seed", 1, "the seed of the first graph; the others have the next ones")
	parallel = flag.Int("parallel", 150, "how many graphs are run at the same time")
	kill     = flag.Bool("kill", false, "kill kubase every few seconds and start it again")
	oracle   = flag.Bool("oracle", false, "upstream in place of kubase, which tests the test")
	labels   = flag.Bool("labels", true, "give the label; without, only upstream's collector works")
	patience = flag.Duration("patience", time.Minute, "how long the two may differ")
	keep     = flag.Bool("keep", false, "keep the logs and data of both")
)

const (
	mostFailures = 10              // that are printed; after them no more graphs are begun
	longestBeat  = 2 * time.Minute // of the collectors of a control plane, for a few objects
	longestLife  = 12 * time.Second
	shortestLife = 3 * time.Second
	outage       = 4 * time.Minute // how much longer all may take that kubase's deaths hold up
)

// campaign is one run of the test.
type campaign struct {
	*testing.T
	pair              run.Pair
	drawn, done       atomic.Int64
	failures, deaths  atomic.Int64
	objects, labelled atomic.Int64
}

func TestGraphs(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c := &campaign{T: t, pair: run.Pair{Patience: *patience}}
	beat := longestBeat
	if *kill {
		c.pair.Patience += outage
		beat += outage
	}
	c.start(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel(nil)
	for _, side := range []*run.Side{c.pair.Ours, c.pair.Upstream} {
		background.Go(func() {
			if err := side.Beat(ctx, *labels, beat); err != nil {
				cancel(err)
			}
		})
	}
	c.awaitBeats(ctx)
	if *kill {
		background.Go(func() { c.killAndStart(ctx, cancel) })
	}
	began := time.Now()
	c.workers(ctx)
	if cause := context.Cause(ctx); cause != nil {
		t.Error(cause)
	}
	t.Logf("%d graphs of %d drawn, %d objects, %d of them labelled, in %v; %d failures, %d deaths",
		c.done.Load(), c.drawn.Load(), c.objects.Load(), c.labelled.Load(),
		time.Since(began).Round(time.Second), c.failures.Load(), c.deaths.Load())
}

// start starts both control planes at the same time.
func (c *campaign) start(ctx context.Context) {
	programs := cluster.Programs{Etcd: c.executable("ETCD_BIN"),
		APIServer:         c.executable("KUBE_APISERVER_BIN"),
		ControllerManager: c.executable("KUBE_CONTROLLER_MANAGER_BIN")}
	upstream := func(name string) func() (*cluster.Cluster, error) {
		return func() (*cluster.Cluster, error) {
			return cluster.Upstream(ctx, name, programs, run.Define)
		}
	}
	ours := upstream("oracle")
	if !*oracle {
		binary := c.executable("KUBASE_BIN")
		ours = func() (*cluster.Cluster, error) {
			kubase, err := cluster.Kubase(ctx, binary)
			if err == nil {
				err = run.Define(ctx, kubase)
			}
			return kubase, err
		}
	}
	var group sync.WaitGroup
	var failures [2]error
	for i, start := range []func() (*cluster.Cluster, error){ours, upstream("upstream")} {
		side := []**run.Side{&c.pair.Ours, &c.pair.Upstream}[i]
		group.Go(func() {
			running, err := start()
			if running != nil {
				c.Cleanup(func() { c.close(running) })
			}
			if err == nil {
				*side, err = run.NewSide(ctx, running)
			}
			failures[i] = err
		})
	}
	group.Wait()
	if err := errors.Join(failures[:]...); err != nil {
		c.Fatal(err)
	}
}

func (c *campaign) executable(variable string) string {
	path := os.Getenv(variable)
	if path == "" {
		c.Fatalf("%s must name an executable; README.md lists what there is to set", variable)
	}
	return path
}

func (c *campaign) close(running *cluster.Cluster) {
	if err := running.Close(*keep); err != nil {
		c.Error(err)
	}
	if *keep {
		c.Logf("%s: %s", running.Name, running.Logs())
	}
}

// awaitBeats waits until both collect all kinds: kube-controller-manager looks for new ones twice a
// minute.
func (c *campaign) awaitBeats(ctx context.Context) {
	for _, side := range []*run.Side{c.pair.Ours, c.pair.Upstream} {
		if err := side.AwaitBeat(ctx); err != nil {
			c.Fatal(errors.Join(err, context.Cause(ctx)))
		}
	}
}

// killAndStart kills kubase every few seconds.
func (c *campaign) killAndStart(ctx context.Context, cancel context.CancelCauseFunc) {
	random := rand.New(rand.NewPCG(uint64(*seed), 1))
	for {
		life := shortestLife + time.Duration(random.Int64N(int64(longestLife-shortestLife)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(life):
		}
		if err := c.pair.Ours.Cluster.Restart(ctx); err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("kubase does not start again: %w", err))
			return
		}
		c.deaths.Add(1)
	}
}

// workers run the graphs. Each has two namespaces of its own, which it uses for one graph after
// another: a graph leaves nothing behind, and names are not used again.
func (c *campaign) workers(ctx context.Context) {
	seeds := make(chan int64)
	var group sync.WaitGroup
	for worker := range min(*parallel, *count) {
		group.Go(func() {
			namespaces := [2]string{fmt.Sprintf("w%d-0", worker), fmt.Sprintf("w%d-1", worker)}
			for _, side := range []*run.Side{c.pair.Ours, c.pair.Upstream} {
				for _, namespace := range namespaces {
					if err := side.Namespace(ctx, namespace); err != nil {
						c.Error(err)
					}
				}
			}
			for seed := range seeds {
				c.graph(ctx, seed, namespaces)
			}
		})
	}
	for i := range *count {
		if c.failures.Load() >= mostFailures || ctx.Err() != nil {
			c.Errorf("stopped after %d graphs of %d", c.done.Load(), *count)
			break
		}
		seeds <- *seed + int64(i)
	}
	close(seeds)
	group.Wait()
}

func (c *campaign) graph(ctx context.Context, seed int64, namespaces [2]string) {
	g, ends, drawn := model.Draw(seed)
	c.drawn.Add(int64(drawn))
	if !*labels {
		g.WithoutLabels()
	}
	c.objects.Add(int64(len(g.Objects)))
	for _, object := range g.Objects {
		if object.Labelled {
			c.labelled.Add(1)
		}
	}
	err := c.pair.Graph(ctx, g, ends, fmt.Sprint("g", seed), namespaces)
	if done := c.done.Add(1); done%500 == 0 {
		c.Logf("%d graphs, %d failures, %d deaths", done, c.failures.Load(), c.deaths.Load())
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if c.failures.Add(1) > mostFailures {
		return // it is counted
	}
	c.Errorf("seed %d: %v\n--- the graph\n%s--- again: go test . -args -graphs=1 -seed=%d%s",
		seed, err, describe(g), seed, again())
}

func again() string {
	var flags string
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "oracle", "labels", "patience":
			flags += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		}
	})
	return flags
}

func describe(g *graph.Graph) string {
	var text strings.Builder
	for number, o := range g.Objects {
		fmt.Fprintf(&text, "o%d: %s in %d, labelled %t, held %t, owners %+v\n", number, o.Kind.Kind,
			o.Space, o.Labelled, o.Held, o.References)
	}
	for number, phase := range g.Phases {
		fmt.Fprintf(&text, "phase %d: %v\n", number, phase)
	}
	return text.String()
}
