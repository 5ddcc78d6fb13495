package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubase/bench/load/internal/kube"
	"kubase/bench/load/internal/peer"
)

// options are the flags.
type options struct {
	scenario      string
	servers       string
	binaries      map[string]*string
	engines       map[string]*string // the endpoints of database servers
	apiservers    apiservers
	directory     string
	output        string
	only          string
	rounds        int
	keys          int
	manyKeys      int
	revisions     int
	workers       int
	connections   int
	seconds       float64
	farDelay      float64 // ms
	farWorkers    int
	watchers      int
	watchRate     float64
	objects       counts
	peerObjects   int
	dependents    int
	atDefaults    int
	minutes       float64
	systemObjects int
	given         map[string]string // all flags as text, for the record
}

// apiservers are the executables of Kubernetes that the scenarios of whole systems need.
type apiservers struct{ ours, vanilla, manager string }

// counts are numbers of objects in ascending order.
type counts []int

func (c *counts) String() string {
	var words []string
	for _, count := range *c {
		words = append(words, strconv.Itoa(count))
	}
	return strings.Join(words, ",")
}

func (c *counts) Set(text string) error {
	*c = nil
	for word := range strings.SplitSeq(text, ",") {
		count, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		*c = append(*c, count)
	}
	if !slices.IsSorted(*c) {
		return errors.New("the numbers are not in ascending order")
	}
	return nil
}

func (c *counts) largest() int { return (*c)[len(*c)-1] }

// knownServers are the names for -servers, in the order of the table. Those of kubase and kine may
// be followed by one of knownEngines: "kine-postgres".
var knownServers = []string{"kubase", "etcd", "kine"}

var knownEngines = []string{"postgres", "mariadb"}

func parse(scenario string, arguments []string) (*options, error) {
	o := &options{
		scenario: scenario, binaries: map[string]*string{}, engines: map[string]*string{},
		given: map[string]string{},
	}
	servers := strings.Join(knownServers, ",")
	o.objects = counts{1_000_000}
	switch scenario {
	case "scale":
		servers = "kubase"
	case "collector":
		servers = "kubase,etcd"
		o.objects = counts{100_000, 500_000}
	}
	flags := flag.NewFlagSet(scenario, flag.ExitOnError)
	flags.StringVar(&o.servers, "servers", servers, "which servers, separated by commas")
	for _, name := range knownServers {
		o.binaries[name] = flags.String(name, "", "path of the executable "+name)
	}
	for _, name := range knownEngines {
		o.engines[name] = flags.String(name, "", "endpoint of the database server "+name)
	}
	flags.StringVar(&o.apiservers.ours, "control-plane", "", "path of our kube-control-plane")
	flags.StringVar(&o.apiservers.vanilla, "kube-apiserver", "", "path of the unchanged one")
	flags.StringVar(&o.apiservers.manager, "kube-controller-manager", "",
		"path of the unchanged one")
	flags.StringVar(&o.directory, "directory", os.TempDir(),
		"where the servers keep their data meanwhile: a real disk, the same for all")
	flags.StringVar(&o.output, "output", "", "file for all figures, as JSON")
	flags.StringVar(&o.only, "only", "", "only these measurements, separated by commas")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; the table has the medians")
	flags.IntVar(&o.keys, "keys", 20_000, "keys of 1 kB")
	flags.IntVar(&o.manyKeys, "many-keys", 1_000_000, "keys of the large store of scale")
	flags.IntVar(&o.revisions, "revisions", 200_000, "superseded revisions that scale compacts")
	flags.IntVar(&o.workers, "workers", 64, "how many ask at the same time")
	flags.IntVar(&o.connections, "connections", 4, "connections that they share")
	flags.Float64Var(&o.seconds, "seconds", 3, "length of a measurement of reads or watches")
	flags.Float64Var(&o.farDelay, "far-ms", 5, "what a round trip to a far database takes longer")
	flags.IntVar(&o.farWorkers, "far-workers", 256, "how many create there at the same time")
	flags.IntVar(&o.watchers, "watchers", 50, "watchers of all keys")
	flags.Float64Var(&o.watchRate, "watch-rate", 200, "updates a second while they watch")
	flags.Var(&o.objects, "objects", "custom resources of the largest list of kubase, or those that "+
		"kube-controller-manager is measured with, separated by commas")
	flags.IntVar(&o.peerObjects, "peer-objects", 100_000, "those of the largest list of the others")
	flags.IntVar(&o.dependents, "dependents", 100_000, "dependents of one owner that are collected")
	flags.IntVar(&o.atDefaults, "at-defaults", 10_000,
		"how many of them upstream collects with its limit of requests as it is")
	flags.Float64Var(&o.minutes, "minutes", 5, "length of the load on a whole system")
	flags.IntVar(&o.systemObjects, "system-objects", 100_000,
		"how many a whole system has in the end, however long it takes; kine needs not")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	flags.VisitAll(func(f *flag.Flag) { o.given[f.Name] = f.Value.String() })
	return o, o.check(flags.Args())
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("what is %q?", rest[0])
	case o.rounds < 1 || o.connections < 1 || o.watchers < 1 || o.workers < o.connections:
		return errors.New("rounds, connections and watchers are at least 1, workers at least as " +
			"many as connections")
	case o.keys < o.workers || o.manyKeys < o.keys:
		return errors.New("each worker needs a key, and many-keys are at least as many as keys")
	case o.farDelay < 0 || o.farDelay > 1000 || o.farWorkers < o.connections:
		return errors.New("far-ms is from 0 to 1000, far-workers at least as many as connections")
	case o.seconds < 0.1 || o.seconds > 600 || o.watchRate < 1 || o.revisions < 1:
		return errors.New("seconds are from 0.1 to 600, watch-rate and revisions at least 1")
	case o.scenario == "collector":
		return o.checkCollector()
	case o.objects.largest() < listSizes[0] || o.peerObjects < listSizes[0]:
		return fmt.Errorf("objects and peer-objects are at least %d", listSizes[0])
	case o.minutes < 0.05 || o.minutes > 60 || o.systemObjects < 1:
		return errors.New("minutes are from 0.05 to 60, system-objects at least 1")
	}
	return nil
}

func (o *options) checkCollector() error {
	switch {
	case strings.Contains(o.servers, "kine"):
		return errors.New("the collector is compared with that over etcd alone")
	case o.objects[0] < 1 || o.atDefaults < 1 || o.dependents < o.atDefaults:
		return errors.New("objects and at-defaults are at least 1, dependents at least at-defaults")
	}
	return nil
}

// kinds are the servers that are wanted.
func (o *options) kinds() ([]peer.Kind, error) {
	makers := map[string]func(string) peer.Kind{
		"kubase": peer.Kubase, "etcd": peer.Etcd, "kine": peer.Kine,
	}
	var kinds []peer.Kind
	for server := range strings.SplitSeq(o.servers, ",") {
		name, engine, onEngine := strings.Cut(server, "-")
		binary, known := o.binaries[name]
		if !known {
			return nil, fmt.Errorf("there is no server %q, only %s", name,
				strings.Join(knownServers, ", "))
		}
		path, err := executable(name, *binary)
		if err != nil {
			return nil, err
		}
		kind := makers[name](path)
		if onEngine {
			endpoint := o.engines[engine]
			if endpoint == nil || *endpoint == "" || name == "etcd" {
				return nil, fmt.Errorf("%s needs the endpoint of a database server %q", server, engine)
			}
			kind = kind.On(engine, *endpoint)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// programs are the kube-apiservers over the wanted servers: over kubase ours without a watch cache,
// as "kubase up" has it, over etcd the unchanged one with its watch cache, over kine without: with
// it, lists say nothing of the store.
func (o *options) programs() (map[string]kube.Program, error) {
	programs := map[string]kube.Program{}
	if o.scenario != "selectors" && o.scenario != "collector" {
		return programs, nil
	}
	for name := range strings.SplitSeq(o.servers, ",") {
		var err error
		program := kube.Program{WatchCache: name == "etcd"}
		switch {
		case name == "kubase" && o.scenario == "collector":
			continue // "kubase up" has its own
		case name == "kubase":
			program = kube.Program{Component: "kube-apiserver"}
			program.Binary, err = executable("control-plane", o.apiservers.ours)
		default:
			program.Binary, err = executable("kube-apiserver", o.apiservers.vanilla)
		}
		if err != nil {
			return nil, err
		}
		programs[name] = program
	}
	return programs, nil
}

// executable is the absolute path of what a flag names.
func executable(flag, path string) (string, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", fmt.Errorf("-%s has to name the executable, and is %q", flag, path)
	}
	return filepath.Abs(path)
}

func (o *options) duration() time.Duration {
	return time.Duration(o.seconds * float64(time.Second))
}

// wants says whether a measurement was asked for; without -only, each was.
func (o *options) wants(measurement string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), measurement)
}
