// Package controllermanager is the command kube-controller-manager with the filter of package
// informerfilter on its client configuration. Flags, validation, logging, version and controllers
// are upstream's.
package controllermanager

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/version/verflag"
	cmfeatures "k8s.io/controller-manager/pkg/features"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"

	"kubase/control-plane/commandflags"
	"kubase/control-plane/informerfilter"
)

// informersVariable is the variable of the environment with which kubase asks for all objects in the
// metadata informers ("whole"), for a storage that collects no garbage. It is no flag, so that the
// flags stay upstream's.
const informersVariable = "KUBASE_METADATA_INFORMERS"

// NewCommand returns the command. Feature gates and metrics are process-wide in Kubernetes, so a
// process runs it once. It ends the process when the default options cannot be made.
func NewCommand() *cobra.Command {
	opts, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		klog.Background().Error(err, "Unable to initialize command options")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
	command := &cobra.Command{
		Use: "kube-controller-manager",
		Long: `The Kubernetes controller manager runs the controllers that move a cluster
towards its desired state. This one keeps objects with the label
` + informerfilter.SkipLabel + ` out of its metadata informers.`,
		Args: commandflags.NoArguments,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			// Controllers that work on all types use deprecated ones too; the warnings would be
			// noise.
			rest.SetDefaultWarningHandler(rest.NoWarnings{})
			return opts.ComponentGlobalsRegistry.Set()
		},
		RunE: func(command *cobra.Command, _ []string) error { return runWith(command, opts) },
	}
	flags := opts.Flags(app.KnownControllers(), app.ControllersDisabledByDefault(),
		app.ControllerAliases())
	opts.ParsedFlags = &flags
	commandflags.Add(command, flags)
	return command
}

func filterInformers(kubeconfig *rest.Config) {
	if os.Getenv(informersVariable) != "whole" {
		kubeconfig.Wrap(informerfilter.New().Wrap)
	}
}

// runWith takes the parsed options through logging and validation, and runs the controllers.
func runWith(command *cobra.Command, opts *options.KubeControllerManagerOptions) error {
	verflag.PrintAndExitIfRequested()

	if err := logsapi.ValidateAndApply(opts.Logs, utilfeature.DefaultFeatureGate); err != nil {
		return err
	}
	cliflag.PrintFlags(command.Flags())

	// A context that ends with a signal would stop the event broadcaster before the last events are
	// out; the run handles the end itself, except where it has to give its lease back.
	ctx := context.Background()
	config, err := opts.Config(ctx, app.KnownControllers(), app.ControllersDisabledByDefault(),
		app.ControllerAliases())
	if err != nil {
		return err
	}
	filterInformers(config.Kubeconfig)

	gates := opts.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	if mutable, ok := gates.(featuregate.MutableFeatureGate); ok {
		mutable.AddMetrics()
	}
	opts.ComponentGlobalsRegistry.AddMetrics()
	releasesLease := cmfeatures.ControllerManagerReleaseLeaderElectionLockOnExit
	if utilfeature.DefaultFeatureGate.Enabled(releasesLease) {
		ctx = genericapiserver.SetupSignalContext()
	}
	return app.Run(ctx, config.Complete())
}
