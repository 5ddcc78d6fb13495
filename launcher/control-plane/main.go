// Command kube-control-plane is the whole Kubernetes control plane in one executable:
// kube-apiserver, kube-controller-manager, kube-scheduler and kubectl share most of their code, so
// that one file is less than half as large as four.
//
// The component is named by the file name under which the executable is called (a link called
// "kubectl") or by the first argument ("kube-control-plane kubectl ..."). Each component then sees
// a command line as if it were alone: os.Args[0] is its own name, which client-go turns into the
// user agent.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	_ "time/tzdata" // time zones for CronJob on machines that have no zone files

	genericapiserver "k8s.io/apiserver/pkg/server"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins for kubectl
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the client library
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"kubase/control-plane/apiserver"
	"kubase/control-plane/controllermanager"
)

// components maps the names of the components to what runs them; the result is the exit code.
var components = map[string]func() int{
	"kube-apiserver": func() int {
		return cli.Run(apiserver.NewCommand(genericapiserver.SetupSignalContext()))
	},
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubectl":                 runKubectl,
}

func main() {
	args, err := componentArgs(os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(2)
	}
	os.Args = args
	os.Exit(components[args[0]]())
}

// componentArgs returns the command line of the component that args ask for, its name first.
func componentArgs(args []string) ([]string, error) {
	if len(args) > 0 {
		if name := filepath.Base(args[0]); components[name] != nil {
			return append([]string{name}, args[1:]...), nil
		}
	}
	if len(args) > 1 && components[args[1]] != nil {
		return args[1:], nil
	}
	known := make([]string, 0, len(components))
	for name := range components {
		known = append(known, name)
	}
	sort.Strings(known)
	return nil, fmt.Errorf("name a component as first argument: %s", strings.Join(known, ", "))
}

func runKubectl() int {
	// Plugins are looked up and .kuberc is read while the command is built, before flags are
	// parsed: the verbosity for that part comes from a first look at the arguments.
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, "Error: the -v flag:", err)
		return 1
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints in kubectl's own way and ends the process
	}
	return 0
}
